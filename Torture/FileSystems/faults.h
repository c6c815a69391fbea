// What goes wrong, and when: a power cut at the n-th operation that changes something, and errors of single calls.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sectors.h"

enum operation {
    op_none,
    op_create,
    op_write,
    op_allocate,
    op_truncate,
    op_sync,
    op_sync_directory,
    op_rename,
    op_unlink,
    op_read,
    op_count
};

struct fault {
    // How many calls of its kind are still to come before it strikes, and how often it strikes then; 0: not armed.
    uint64_t countdown, times;
    // 0: a short count.
    int error;
};

struct faults {
    struct fault of[op_count];
    // 0: not armed.
    uint64_t cut_countdown;
    struct cut cut;
    // After a cut everything fails until the power is on again.
    bool is_dead;
    uint64_t operations, struck, cuts;
    // The bit that was flipped last.
    uint64_t rotten_inode;
    size_t rotten_offset;
    uint8_t rotten_mask;
};

// Whether the power fails with this operation; the caller lets it take what effect it can, then cuts.
bool faults_cut_now(struct faults *faults, enum operation operation);
// The fault that strikes this call, if any.
const struct fault *faults_strike(struct faults *faults, enum operation operation);
// Carries out a command such as "cut 7 50 50", "arm 120 7 50 50", "fault sync 3 5 1", "on".
int faults_command(struct faults *faults, struct disk *disk, const char *text);
int faults_status(const struct faults *faults, char *text, size_t capacity);
