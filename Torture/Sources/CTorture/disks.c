#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <signal.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/xattr.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "CTorture.h"

// From linux/fs.h and the file systems' own headers, which older systems lack.
#define SHUTDOWN_REQUEST _IOR('X', 125, uint32_t)
enum { shutdown_without_log_flush = 2 };

static int result_of(int result) {
    return result < 0 ? -errno : result;
}

// A device or folder may still be held for an instant by what was just killed or unmounted.
static int again_while_busy(int (*call)(const void *), const void *context) {
    const struct timespec pause = {.tv_nsec = 1000000};
    int result = -EBUSY;
    for (int attempt = 0; attempt < 3000 && result == -EBUSY; attempt++) {
        if (attempt) {
            nanosleep(&pause, NULL);
        }
        result = result_of(call(context));
    }
    return result;
}

struct mount_request {
    const char *device, *folder, *type;
};

static int try_mount(const void *context) {
    const struct mount_request *request = context;
    return mount(request->device, request->folder, request->type, MS_NOATIME, "");
}

int torture_mount(const char *device, const char *folder, const char *type) {
    const struct mount_request request = {device, folder, type};
    return again_while_busy(try_mount, &request);
}

static int try_unmount(const void *folder) {
    return umount(folder);
}

int torture_unmount(const char *folder) {
    return again_while_busy(try_unmount, folder);
}

static int try_detach(const void *descriptor) {
    int result = ioctl(*(const int *)descriptor, LOOP_CLR_FD);
    return result < 0 && errno == ENXIO ? 0 : result;
}

struct attach_request {
    int device, file;
};

static int try_attach(const void *context) {
    const struct attach_request *request = context;
    return ioctl(request->device, LOOP_SET_FD, request->file);
}

int torture_attach(const char *device, const char *file) {
    struct attach_request request = {open(device, O_RDWR | O_CLOEXEC), open(file, O_RDWR | O_CLOEXEC)};
    int result = request.device < 0 || request.file < 0 ? -errno : again_while_busy(try_detach, &request.device);
    if (result == 0) {
        // A device that is detached while it is open lets go when it is closed.
        close(request.device);
        request.device = open(device, O_RDWR | O_CLOEXEC);
        result = request.device < 0 ? -errno : again_while_busy(try_attach, &request);
    }
    if (request.device >= 0) {
        close(request.device);
    }
    if (request.file >= 0) {
        close(request.file);
    }
    return result;
}

int torture_shut_down(const char *folder) {
    int descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) {
        return -errno;
    }
    uint32_t how = shutdown_without_log_flush;
    int result = result_of(ioctl(descriptor, SHUTDOWN_REQUEST, &how));
    close(descriptor);
    return result;
}

int torture_command(const char *folder, const char *attribute, const char *text) {
    return result_of(setxattr(folder, attribute, text, strlen(text), 0));
}

int torture_status(const char *folder, const char *attribute, char *text, size_t capacity) {
    ssize_t count = getxattr(folder, attribute, text, capacity - 1);
    if (count < 0) {
        return -errno;
    }
    text[count] = 0;
    return 0;
}

int torture_limit_file_size(uint64_t bytes, int ignores_signal) {
    signal(SIGXFSZ, ignores_signal ? SIG_IGN : SIG_DFL);
    const struct rlimit limit = {bytes, bytes};
    return result_of(setrlimit(RLIMIT_FSIZE, &limit));
}

int torture_limit_descriptors(uint64_t count) {
    const struct rlimit limit = {count, count};
    return result_of(setrlimit(RLIMIT_NOFILE, &limit));
}
