// A planted bug, loaded before the C library: syncs that do nothing and say they did.
//
// WAL_TORTURE_SKIPS names which: "data" those of files, "names" those of directories.
#include <string.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int skips(int descriptor) {
    struct stat status;
    const char *which = getenv("WAL_TORTURE_SKIPS");
    if (!which || fstat(descriptor, &status) < 0) {
        return 0;
    }
    return strcmp(which, S_ISDIR(status.st_mode) ? "names" : "data") == 0;
}

int fdatasync(int descriptor) {
    return skips(descriptor) ? 0 : (int)syscall(SYS_fdatasync, descriptor);
}

int fsync(int descriptor) {
    return skips(descriptor) ? 0 : (int)syscall(SYS_fsync, descriptor);
}
