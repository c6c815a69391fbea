#define _GNU_SOURCE
#include "CFloor.h"
#include "checksum.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

// A group is 16 bytes (checksum, length, two unused words) and its records, padded to 8 bytes.
struct floor_commit {
    pthread_mutex_t lock;
    int fd, is_led, has_failed;
    uint64_t size, offset;
    uint8_t *open, *other;
    uint32_t used;
    // The group being filled, and the one that was last made durable.
    uint32_t filling;
    _Atomic uint32_t done;
};

enum { GROUP = 1 << 20 };

floor_commit *floor_commit_open(const char *path, uint64_t size) {
    floor_commit *log = calloc(1, sizeof *log);
    if (!log) return NULL;
    pthread_mutex_init(&log->lock, NULL);
    log->size = size;
    log->used = HEADER;
    log->filling = 1;
    log->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (log->fd < 0) return NULL;
    if (posix_memalign((void **)&log->open, 4096, GROUP) != 0) return NULL;
    if (posix_memalign((void **)&log->other, 4096, GROUP) != 0) return NULL;
    memset(log->open, 0, GROUP);
    for (uint64_t at = 0; at < size; at += GROUP)
        if (pwrite(log->fd, log->open, GROUP, (off_t)at) != GROUP) return NULL;
    if (fsync(log->fd) != 0) return NULL;
    return log;
}

// Writes and syncs what the group holds; the lock is held before and after, not meanwhile.
static void lead(floor_commit *log) {
    uint8_t *group = log->open;
    uint32_t length = (log->used + 7) & ~7u, used = log->used, number = log->filling;
    log->open = log->other;
    log->other = group;
    log->used = HEADER;
    log->filling++;
    log->is_led = 1;
    pthread_mutex_unlock(&log->lock);
    memset(group + used, 0, length - used);
    memset(group, 0, HEADER);
    memcpy(group + 4, &used, 4);
    uint32_t sum = checksum(group + HEADER, length - HEADER);
    memcpy(group, &sum, 4);
    int failed = log->offset + length > log->size || pwrite(log->fd, group, length, (off_t)log->offset) != (ssize_t)length
        || fdatasync(log->fd) != 0;
    pthread_mutex_lock(&log->lock);
    log->offset += length;
    log->has_failed |= failed;
    log->is_led = 0;
    atomic_store(&log->done, number);
}

int floor_commit_append(floor_commit *log, const void *bytes, uint32_t count) {
    pthread_mutex_lock(&log->lock);
    if (log->used + 4 + count > GROUP) {
        pthread_mutex_unlock(&log->lock);
        return -1;
    }
    memcpy(log->open + log->used, &count, 4);
    memcpy(log->open + log->used + 4, bytes, count);
    log->used += 4 + count;
    uint32_t mine = log->filling;
    for (;;) {
        if (!log->is_led && (int32_t)(log->filling - mine) <= 0) {
            lead(log);
            int failed = log->has_failed;
            pthread_mutex_unlock(&log->lock);
            syscall(SYS_futex, &log->done, FUTEX_WAKE_PRIVATE, 1 << 30, NULL, NULL, 0);
            return failed ? -1 : 0;
        }
        uint32_t seen = atomic_load(&log->done);
        pthread_mutex_unlock(&log->lock);
        while ((int32_t)(seen - mine) < 0 && atomic_load(&log->done) == seen)
            syscall(SYS_futex, &log->done, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
        // Who is covered leaves without the lock.
        if ((int32_t)(atomic_load(&log->done) - mine) >= 0) return log->has_failed ? -1 : 0;
        pthread_mutex_lock(&log->lock);
    }
}

void floor_commit_close(floor_commit *log) {
    close(log->fd);
    free(log->open);
    free(log->other);
    free(log);
}

int64_t floor_commit_visit(const char *path, floor_visitor visitor, void *context) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    uint8_t *group = NULL;
    if (fd < 0 || posix_memalign((void **)&group, 4096, GROUP) != 0) return -1;
    int64_t events = 0;
    for (off_t at = 0;;) {
        uint32_t sum, used = 0;
        if (pread(fd, group, GROUP, at) < HEADER) break;
        memcpy(&sum, group, 4);
        memcpy(&used, group + 4, 4);
        if (used == 0) break;
        uint32_t length = (used + 7) & ~7u;
        if (length > GROUP || checksum(group + HEADER, length - HEADER) != sum) {
            events = -1;
            break;
        }
        for (uint32_t p = HEADER; p + 4 <= used;) {
            uint32_t count;
            memcpy(&count, group + p, 4);
            if (visitor(context, group + p + 4, count) != 0) {
                close(fd);
                free(group);
                return -1;
            }
            events++;
            p += 4 + count;
        }
        at += length;
    }
    close(fd);
    free(group);
    return events;
}
