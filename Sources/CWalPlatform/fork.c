// Telling a process from a child that was forked from it.

#define _GNU_SOURCE

#include "CWalPlatform.h"

#include <pthread.h>

uint32_t wal_forks;

/// 0: not yet, 1: done.
static int is_watching;

/// Runs in the child alone, on the only thread it has.
static void note_fork(void) {
    wal_forks += 1;
}

int wal_watch_forks(void) {
    if (__atomic_load_n(&is_watching, __ATOMIC_ACQUIRE)) {
        return 0;
    }
    // Two threads that come here at once install it twice: a fork then counts as two, which changes nothing.
    int failure = pthread_atfork(NULL, NULL, note_fork);
    if (failure) {
        return -failure;
    }
    __atomic_store_n(&is_watching, 1, __ATOMIC_RELEASE);
    return 0;
}
