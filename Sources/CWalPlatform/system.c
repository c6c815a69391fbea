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

#ifdef __linux__
#include <sys/vfs.h>
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

int wal_next_data(int descriptor, int64_t offset, int64_t *start, int64_t *end) {
#ifdef __linux__
    struct statfs facts;
    // Only a short cut: where it is refused, there is none.
    if (fstatfs(descriptor, &facts) < 0) {
        return -EOPNOTSUPP;
    }
    // Releases of other file systems have called bytes holes that were written but not yet on the disk.
    const long ext4 = 0xEF53, xfs = 0x58465342, tmpfs = 0x01021994;
    if (facts.f_type != ext4 && facts.f_type != xfs && facts.f_type != tmpfs) {
        return -EOPNOTSUPP;
    }
    off_t data = lseek(descriptor, offset, SEEK_DATA);
    off_t hole = data < 0 ? data : lseek(descriptor, data, SEEK_HOLE);
    if (hole < 0) {
        return errno == EINVAL || errno == ENOSYS || errno == EPERM ? -EOPNOTSUPP : -errno;
    }
    *start = data;
    *end = hole;
    return 0;
#else
    (void)descriptor, (void)offset, (void)start, (void)end;
    return -EOPNOTSUPP;
#endif
}

int wal_pack_names(DIR *directory, void *bytes, size_t capacity, size_t *count) {
    // Longer than any system's names.
    const size_t longest = 2046;
    uint8_t *next = bytes;
    *count = 0;
    while (capacity - (size_t)(next - (uint8_t *)bytes) >= 2 + longest) {
        errno = 0;
        const struct dirent *entry = readdir(directory);
        if (entry == NULL) {
            if (errno != 0) {
                return -errno;
            }
            break;
        }
        const char *name = entry->d_name;
        if (name[0] == '.' && (name[1] == 0 || (name[1] == '.' && name[2] == 0))) {
            continue;
        }
        size_t length = strnlen(name, longest);
        next[0] = (uint8_t)length;
        next[1] = (uint8_t)(length >> 8);
        memcpy(next + 2, name, length);
        next += 2 + length;
        *count += 1;
    }
    return (int)(next - (uint8_t *)bytes);
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
