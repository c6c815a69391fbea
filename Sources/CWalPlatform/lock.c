// The slow side of the lock and of waiting.

#define _GNU_SOURCE

#include "CWalPlatform.h"

#include <errno.h>

#if defined(__APPLE__)

#include <os/clock.h>
#include <os/os_sync_wait_on_address.h>

int wal_futex_wait(uint32_t *word, uint32_t expected, int64_t timeout_ns) {
    int result;
    if (timeout_ns < 0) {
        result = os_sync_wait_on_address(word, expected, sizeof *word, OS_SYNC_WAIT_ON_ADDRESS_NONE);
    } else if (timeout_ns == 0) {
        return 1;  // the system refuses a timeout of nothing
    } else {
        result = os_sync_wait_on_address_with_timeout(word, expected, sizeof *word, OS_SYNC_WAIT_ON_ADDRESS_NONE,
            OS_CLOCK_MACH_ABSOLUTE_TIME, (uint64_t)timeout_ns);
    }
    return result < 0 && errno == ETIMEDOUT ? 1 : 0;
}

void wal_futex_wake(uint32_t *word, uint32_t count) {
    if (count == 1) {
        os_sync_wake_by_address_any(word, sizeof *word, OS_SYNC_WAKE_BY_ADDRESS_NONE);
    } else if (count > 1) {
        os_sync_wake_by_address_all(word, sizeof *word, OS_SYNC_WAKE_BY_ADDRESS_NONE);
    }
}

#elif defined(__linux__)

#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/// Spins before sleeping: about the length of the critical sections here, well below the cost of a sleep.
#define SPINS 100

int wal_futex_wait(uint32_t *word, uint32_t expected, int64_t timeout_ns) {
    struct timespec limit = {.tv_sec = timeout_ns / 1000000000, .tv_nsec = timeout_ns % 1000000000};
    long result = syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, timeout_ns < 0 ? NULL : &limit, NULL, 0);
    return result < 0 && errno == ETIMEDOUT ? 1 : 0;
}

void wal_futex_wake(uint32_t *word, uint32_t count) {
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count > INT_MAX ? INT_MAX : (int)count, NULL, NULL, 0);
}

static inline void pause_briefly(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb" ::: "memory");  // `yield` does nothing on most cores
#endif
}

void wal_lock_lock_contended(wal_lock_t *lock) {
    for (int spin = 0; spin < SPINS; spin++) {
        uint32_t state = __atomic_load_n(&lock->state, __ATOMIC_RELAXED);
        if (state == 2) {
            break;  // others sleep already: spinning would only overtake them
        }
        if (state == 0 && wal_lock_trylock(lock)) {
            return;
        }
        pause_briefly();
    }
    // From here on the lock is taken as 2: whether others sleep is unknown, and a wake too many is harmless.
    while (__atomic_exchange_n(&lock->state, 2, __ATOMIC_ACQUIRE) != 0) {
        wal_futex_wait(&lock->state, 2, -1);
    }
}

#else
#error "no futex on this platform"
#endif
