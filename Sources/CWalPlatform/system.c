// System calls that the C library hides from Swift, or that differ between platforms.

#define _GNU_SOURCE

#include "CWalPlatform.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef __APPLE__
#include <stdlib.h>
#else
#include <sys/random.h>
#endif

static int result_of(int result) {
    return result < 0 ? -errno : result;
}

int wal_allocate(int descriptor, int64_t offset, int64_t length) {
#ifdef __APPLE__
    struct stat status;
    if (fstat(descriptor, &status) < 0) {
        return -errno;
    }
    if (offset + length <= status.st_size) {
        return 0;
    }
    // The length counts from the physical end of the file.
    fstore_t store = {
        .fst_flags = F_ALLOCATEALL, .fst_posmode = F_PEOFPOSMODE, .fst_length = offset + length - status.st_size};
    int result = result_of(fcntl(descriptor, F_PREALLOCATE, &store));
    return result == -ENOTSUP ? -EOPNOTSUPP : result;
#else
    return result_of(fallocate(descriptor, 0, offset, length));
#endif
}

int wal_sync_data(int descriptor) {
#ifdef __APPLE__
    return wal_sync_all(descriptor);
#else
    return result_of(fdatasync(descriptor));
#endif
}

int wal_sync_all(int descriptor) {
#ifdef __APPLE__
    if (fcntl(descriptor, F_FULLFSYNC) == 0) {
        return 0;
    }
    // Network and foreign file systems don't know it; only then is fsync all there is.
    return errno == ENOTSUP || errno == EINVAL || errno == ENOTTY ? result_of(fsync(descriptor)) : -errno;
#else
    return result_of(fsync(descriptor));
#endif
}

int wal_populate_read(void *address, size_t length) {
#ifdef __linux__
    // 22 is MADV_POPULATE_READ (Linux 5.14), which older headers lack.
    if (madvise(address, length, 22) == 0) {
        return 0;
    }
    if (errno != EINVAL) {
        return -errno;
    }
#endif
    return result_of(madvise(address, length, MADV_WILLNEED));
}

int wal_processor_count(void) {
#ifdef __linux__
    cpu_set_t allowed;
    if (sched_getaffinity(0, sizeof allowed, &allowed) == 0) {
        return CPU_COUNT(&allowed);
    }
#endif
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count > 0 ? (int)count : 0;
}

const char *wal_entry_name(const struct dirent *entry) {
    return entry->d_name;
}

int wal_random(void *bytes, size_t count) {
#ifdef __APPLE__
    arc4random_buf(bytes, count);
    return 0;
#else
    uint8_t *next = bytes;
    while (count > 0) {
        ssize_t got = getrandom(next, count, 0);
        if (got < 0) {
            if (errno == EINTR) {
                continue;
            }
            return -errno;
        }
        next += got;
        count -= (size_t)got;
    }
    return 0;
#endif
}

void wal_describe_error(int number, char *text, size_t capacity) {
    if (capacity == 0) {
        return;
    }
#if defined(__GLIBC__) || defined(__BIONIC__)
    char buffer[128];
    snprintf(text, capacity, "%s", strerror_r(number, buffer, sizeof buffer));
#else
    if (strerror_r(number, text, capacity) != 0) {
        snprintf(text, capacity, "error %d", number);
    }
#endif
}

int wal_thread_start(pthread_t *thread, void *(*body)(void *), void *context) {
    sigset_t all, before;
    sigfillset(&all);
    // Faults of the thread itself must still reach their handlers.
    const int own[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGABRT, SIGSYS, SIGPROF};
    for (size_t at = 0; at < sizeof own / sizeof *own; at++) {
        sigdelset(&all, own[at]);
    }
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int result = pthread_create(thread, NULL, body, context);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -result;
}

void wal_thread_set_name(const char *name) {
    char cut[16];
    snprintf(cut, sizeof cut, "%s", name);
#ifdef __APPLE__
    pthread_setname_np(cut);
#else
    pthread_setname_np(pthread_self(), cut);
#endif
}
