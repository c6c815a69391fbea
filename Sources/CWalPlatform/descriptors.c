// Descriptors that are never those of standard input, output and error.

#define _GNU_SOURCE

#include "CWalPlatform.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <unistd.h>

enum { first_free = 3 };

/// Set once a descriptor below the first free one was given out: standard descriptors are closed in this process.
static atomic_bool has_low_descriptors;
static pthread_mutex_t low_descriptors = PTHREAD_MUTEX_INITIALIZER;

int wal_duplicate(int descriptor) {
    int copy = fcntl(descriptor, F_DUPFD_CLOEXEC, first_free);
    return copy < 0 ? -errno : copy;
}

/// Gives an open file a descriptor that is not one of the standard ones.
static int raised(int descriptor) {
    if (descriptor >= first_free) {
        return descriptor;
    }
    atomic_store(&has_low_descriptors, true);
    int copy = wal_duplicate(descriptor);
    close(descriptor);
    return copy;
}

static int open_raised(int directory, const char *path, int flags, unsigned mode) {
    int descriptor = openat(directory, path, flags, (mode_t)mode);
    return descriptor < 0 ? -errno : raised(descriptor);
}

int wal_open_at(int directory, const char *path, int flags, unsigned mode) {
    if (!atomic_load_explicit(&has_low_descriptors, memory_order_relaxed)) {
        return open_raised(directory, path, flags, mode);
    }
    // Another thread may print at any moment: not for an instant may a file for writing be where that goes. What can't be
    // written takes those places meanwhile.
    int places[first_free];
    int count = 0;
    // Who holds it has filled those places, or, in a child that was forked meanwhile, is no more.
    bool is_mine = pthread_mutex_trylock(&low_descriptors) == 0;
    while (is_mine && count < first_free) {
        int place = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (place < 0) {
            break;
        }
        if (place >= first_free) {
            close(place);
            break;
        }
        places[count++] = place;
    }
    int result = open_raised(directory, path, flags, mode);
    while (count > 0) {
        close(places[--count]);
    }
    if (is_mine) {
        pthread_mutex_unlock(&low_descriptors);
    }
    return result;
}

int wal_working_directory(char *path, size_t capacity) {
    return getcwd(path, capacity) == NULL ? -errno : 0;
}
