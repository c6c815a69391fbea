#include "faults.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *const operation_names[op_count] = {
    "none", "create", "write", "allocate", "truncate", "sync", "sync-directory", "rename", "unlink", "read"};

bool faults_cut_now(struct faults *faults, enum operation operation) {
    if (operation == op_read) {
        return false;
    }
    faults->operations++;
    return faults->cut_countdown && --faults->cut_countdown == 0;
}

const struct fault *faults_strike(struct faults *faults, enum operation operation) {
    struct fault *fault = &faults->of[operation];
    if (fault->countdown > 1) {
        fault->countdown--;
        return NULL;
    }
    if (fault->countdown == 0 || fault->times == 0) {
        return NULL;
    }
    fault->times--;
    faults->struck++;
    return fault;
}

static int set_fault(struct faults *faults, const char *text) {
    char name[32];
    struct fault fault;
    if (sscanf(text, "%31s %" SCNu64 " %d %" SCNu64, name, &fault.countdown, &fault.error, &fault.times) != 4) {
        return -EINVAL;
    }
    for (int operation = 1; operation < op_count; operation++) {
        if (strcmp(operation_names[operation], name) == 0) {
            faults->of[operation] = fault;
            return 0;
        }
    }
    return -EINVAL;
}

static void restore_power(struct faults *faults) {
    memset(faults->of, 0, sizeof faults->of);
    faults->cut_countdown = 0;
    faults->is_dead = false;
    faults->struck = 0;
}

int faults_command(struct faults *faults, struct disk *disk, const char *text) {
    struct cut cut;
    uint64_t number;
    unsigned lax;
    if (sscanf(text, "arm %" SCNu64 " %" SCNu64 " %u %u", &number, &cut.seed, &cut.keep_data, &cut.keep_names) == 4) {
        faults->cut_countdown = number;
        faults->cut = cut;
    } else if (sscanf(text, "cut %" SCNu64 " %u %u", &cut.seed, &cut.keep_data, &cut.keep_names) == 3) {
        disk_cut(disk, cut);
        faults->cuts++;
        faults->is_dead = true;
    } else if (strncmp(text, "fault ", 6) == 0) {
        return set_fault(faults, text + 6);
    } else if (sscanf(text, "space %" SCNu64, &number) == 1) {
        disk->capacity = number;
    } else if (sscanf(text, "lax %u", &lax) == 1) {
        disk->is_lax = lax;
    } else if (strcmp(text, "on") == 0) {
        restore_power(faults);
        disk->capacity = 0;
    } else if (sscanf(text, "rot %" SCNu64, &number) == 1) {
        disk_sweep(disk);
        bool found =
            disk_rot(disk, number, &faults->rotten_inode, &faults->rotten_offset, &faults->rotten_mask);
        return found ? 0 : -ENOENT;
    } else if (strcmp(text, "heal") == 0) {
        disk_flip(disk, faults->rotten_inode, faults->rotten_offset, faults->rotten_mask);
    } else {
        return -EINVAL;
    }
    return 0;
}

int faults_status(const struct faults *faults, char *text, size_t capacity) {
    return snprintf(
        text, capacity, "dead %d operations %" PRIu64 " struck %" PRIu64 " cuts %" PRIu64, faults->is_dead,
        faults->operations, faults->struck, faults->cuts);
}
