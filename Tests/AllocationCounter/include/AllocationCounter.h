// Counts allocations, for tests that show a path to be free of them.
#ifndef ALLOCATION_COUNTER_H
#define ALLOCATION_COUNTER_H

#include <stdbool.h>
#include <stdint.h>

/// Whether allocations are counted here: with glibc, and without a sanitizer, which has an allocator of its own.
bool allocations_are_counted(void);
/// Allocations of the calling thread so far.
uint64_t allocations_of_thread(void);
/// Allocations of the process so far.
uint64_t allocations_of_process(void);

#endif
