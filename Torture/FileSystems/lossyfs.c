// A file system in memory that loses what was not synced when its power is cut, and fails when it is told to.
//
//   lossyfs MOUNTPOINT
//
// It is told by the extended attribute user.lossy of its root (see faults.h), which also reads as its status.
// One thread answers all calls, so that a run depends on their order alone. The kernel must remember nothing, since a
// power cut changes names and contents behind its back: all time-outs are 0.
#define FUSE_USE_VERSION 31

#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "faults.h"
#include "names.h"

static struct disk disk;
static struct faults faults;
static const char attribute[] = "user.lossy";

static struct inode *inode_of(fuse_ino_t number) {
    return number == FUSE_ROOT_ID ? disk.root : (struct inode *)(uintptr_t)number;
}

static struct stat status_of(const struct inode *inode) {
    return (struct stat){
        .st_ino = inode->number,
        .st_mode = inode->is_directory ? S_IFDIR | 0755 : S_IFREG | 0644,
        .st_nlink = inode->is_directory ? 2 : 1,
        .st_size = (off_t)inode->size,
        .st_blksize = 4096,
        .st_blocks = (blkcnt_t)((inode->size + sector_size - 1) / sector_size)};
}

static struct fuse_entry_param entry_of(struct inode *inode) {
    inode->references++;
    return (struct fuse_entry_param){.ino = (uintptr_t)inode, .generation = inode->number, .attr = status_of(inode)};
}

static void cut_power(void) {
    disk_cut(&disk, faults.cut);
    faults.cuts++;
    faults.is_dead = true;
}

// What a call that changes something meets before it takes effect.
struct fate {
    // It takes effect, and the power fails with it.
    bool is_last;
    // It fails with `error`, or, if that is 0, takes effect in part.
    bool is_struck;
    int error;
};

static struct fate fate_of(enum operation operation) {
    if (faults.is_dead) {
        return (struct fate){.is_struck = true, .error = EIO};
    }
    if (faults_cut_now(&faults, operation)) {
        return (struct fate){.is_last = true};
    }
    const struct fault *fault = faults_strike(&faults, operation);
    return fault ? (struct fate){.is_struck = true, .error = fault->error} : (struct fate){};
}

// Ends a call that had a fate; returns its negative error number, or its own result.
static int ended(struct fate fate, int result) {
    if (!fate.is_last) {
        return result;
    }
    cut_power();
    return -EIO;
}

static void lossy_lookup(fuse_req_t request, fuse_ino_t parent, const char *name) {
    struct inode *inode = entries_find(&inode_of(parent)->names, name);
    if (faults.is_dead || !inode) {
        fuse_reply_err(request, faults.is_dead ? EIO : ENOENT);
        return;
    }
    struct fuse_entry_param entry = entry_of(inode);
    fuse_reply_entry(request, &entry);
}

static void lossy_forget(fuse_req_t request, fuse_ino_t number, uint64_t count) {
    inode_of(number)->references -= number == FUSE_ROOT_ID ? 0 : count;
    fuse_reply_none(request);
}

static void lossy_getattr(fuse_req_t request, fuse_ino_t number, struct fuse_file_info *info) {
    (void)info;
    struct stat status = status_of(inode_of(number));
    if (faults.is_dead && number != FUSE_ROOT_ID) {
        fuse_reply_err(request, EIO);
    } else {
        fuse_reply_attr(request, &status, 0);
    }
}

static void lossy_setattr(
    fuse_req_t request, fuse_ino_t number, struct stat *wanted, int which, struct fuse_file_info *info) {
    if (which & FUSE_SET_ATTR_SIZE) {
        struct fate fate = fate_of(op_truncate);
        int result =
            ended(fate, fate.is_struck ? -fate.error : file_resize(&disk, inode_of(number), (size_t)wanted->st_size));
        if (result < 0) {
            fuse_reply_err(request, -result);
            return;
        }
    }
    lossy_getattr(request, number, info);
}

static int make(fuse_ino_t parent, const char *name, bool is_directory, struct inode **made) {
    struct fate fate = fate_of(op_create);
    return ended(fate, fate.is_struck ? -fate.error : disk_make(&disk, inode_of(parent), name, is_directory, made));
}

static void lossy_create(
    fuse_req_t request, fuse_ino_t parent, const char *name, mode_t mode, struct fuse_file_info *info) {
    (void)mode;
    struct inode *inode;
    int result = make(parent, name, false, &inode);
    if (result < 0) {
        fuse_reply_err(request, -result);
        return;
    }
    struct fuse_entry_param entry = entry_of(inode);
    inode->references++;
    fuse_reply_create(request, &entry, info);
}

static void lossy_mkdir(fuse_req_t request, fuse_ino_t parent, const char *name, mode_t mode) {
    (void)mode;
    struct inode *inode;
    int result = make(parent, name, true, &inode);
    if (result < 0) {
        fuse_reply_err(request, -result);
        return;
    }
    struct fuse_entry_param entry = entry_of(inode);
    fuse_reply_entry(request, &entry);
}

static void take_away(fuse_req_t request, fuse_ino_t parent, const char *name, bool is_directory) {
    struct fate fate = fate_of(op_unlink);
    int result =
        ended(fate, fate.is_struck ? -fate.error : disk_remove(&disk, inode_of(parent), name, is_directory));
    fuse_reply_err(request, -result);
}

static void lossy_unlink(fuse_req_t request, fuse_ino_t parent, const char *name) {
    take_away(request, parent, name, false);
}

static void lossy_rmdir(fuse_req_t request, fuse_ino_t parent, const char *name) {
    take_away(request, parent, name, true);
}

static void lossy_rename(
    fuse_req_t request, fuse_ino_t old_parent, const char *old_name, fuse_ino_t new_parent, const char *new_name,
    unsigned flags) {
    // 1: nothing may be replaced.
    if (flags & ~1u) {
        fuse_reply_err(request, EINVAL);
        return;
    }
    struct fate fate = fate_of(op_rename);
    int result = fate.is_struck ? -fate.error
                                : disk_rename(
                                      &disk, inode_of(old_parent), old_name, inode_of(new_parent), new_name,
                                      !(flags & 1u));
    fuse_reply_err(request, -ended(fate, result));
}

static void lossy_open(fuse_req_t request, fuse_ino_t number, struct fuse_file_info *info) {
    struct inode *inode = inode_of(number);
    if (faults.is_dead) {
        fuse_reply_err(request, EIO);
        return;
    }
    inode->references++;
    fuse_reply_open(request, info);
}

static void lossy_release(fuse_req_t request, fuse_ino_t number, struct fuse_file_info *info) {
    (void)info;
    inode_of(number)->references--;
    fuse_reply_err(request, 0);
}

static void lossy_readdir(
    fuse_req_t request, fuse_ino_t number, size_t size, off_t offset, struct fuse_file_info *info) {
    (void)info;
    const struct entries *names = &inode_of(number)->names;
    if (faults.is_dead) {
        fuse_reply_err(request, EIO);
        return;
    }
    char *buffer = malloc(size);
    size_t used = 0;
    for (size_t at = (size_t)offset; buffer && at < names->count; at++) {
        struct stat status = status_of(names->list[at].inode);
        size_t needed = fuse_add_direntry(
            request, buffer + used, size - used, names->list[at].name, &status, (off_t)at + 1);
        if (needed > size - used) {
            break;
        }
        used += needed;
    }
    fuse_reply_buf(request, buffer, used);
    free(buffer);
}

static void lossy_read(
    fuse_req_t request, fuse_ino_t number, size_t count, off_t offset, struct fuse_file_info *info) {
    (void)info;
    const struct inode *file = inode_of(number);
    const struct fault *fault = faults.is_dead ? NULL : faults_strike(&faults, op_read);
    if (faults.is_dead || fault) {
        fuse_reply_err(request, fault ? fault->error : EIO);
        return;
    }
    size_t rest = (size_t)offset < file->size ? file->size - (size_t)offset : 0;
    fuse_reply_buf(request, rest ? (const char *)file->seen + offset : NULL, count < rest ? count : rest);
}

static void lossy_write(
    fuse_req_t request, fuse_ino_t number, const char *bytes, size_t count, off_t offset,
    struct fuse_file_info *info) {
    (void)info;
    struct inode *file = inode_of(number);
    struct fate fate = fate_of(op_write);
    // A write that fails or is cut short has changed some part of what it was to change.
    size_t part = fate.is_struck ? (count + 1) / 2 : count;
    int result = faults.is_dead ? -EIO : file_write(&disk, file, bytes, part, (size_t)offset);
    if (fate.is_struck && fate.error) {
        result = -fate.error;
    }
    result = ended(fate, result);
    if (result < 0) {
        fuse_reply_err(request, -result);
    } else {
        fuse_reply_write(request, part);
    }
}

static void lossy_fallocate(
    fuse_req_t request, fuse_ino_t number, int mode, off_t offset, off_t length, struct fuse_file_info *info) {
    (void)info;
    if (mode != 0) {
        fuse_reply_err(request, EOPNOTSUPP);
        return;
    }
    struct fate fate = fate_of(op_allocate);
    int result =
        fate.is_struck ? -fate.error : file_reserve(&disk, inode_of(number), (size_t)(offset + length));
    fuse_reply_err(request, -ended(fate, result));
}

static void lossy_fsync(fuse_req_t request, fuse_ino_t number, int data_only, struct fuse_file_info *info) {
    (void)data_only, (void)info;
    struct inode *file = inode_of(number);
    struct fate fate = fate_of(op_sync);
    if (fate.is_struck && !faults.is_dead) {
        disk_forget_dirt(file);
    } else if (!fate.is_struck && !fate.is_last) {
        disk_sync_file(&disk, file);
    }
    fuse_reply_err(request, -ended(fate, fate.is_struck ? -fate.error : 0));
}

static void lossy_fsyncdir(fuse_req_t request, fuse_ino_t number, int data_only, struct fuse_file_info *info) {
    (void)data_only, (void)info;
    struct fate fate = fate_of(op_sync_directory);
    if (!fate.is_struck && !fate.is_last) {
        disk_sync_directory(&disk, inode_of(number));
        disk_sweep(&disk);
    }
    fuse_reply_err(request, -ended(fate, fate.is_struck ? -fate.error : 0));
}

static void lossy_statfs(fuse_req_t request, fuse_ino_t number) {
    (void)number;
    const struct statvfs status = {
        .f_bsize = 4096, .f_frsize = 4096, .f_blocks = 1 << 20, .f_bfree = 1 << 19, .f_bavail = 1 << 19,
        .f_namemax = name_max};
    fuse_reply_statfs(request, &status);
}

static void lossy_setxattr(
    fuse_req_t request, fuse_ino_t number, const char *name, const char *value, size_t size, int flags) {
    (void)flags;
    char text[128];
    if (number != FUSE_ROOT_ID || strcmp(name, attribute) != 0 || size >= sizeof text) {
        fuse_reply_err(request, EOPNOTSUPP);
        return;
    }
    memcpy(text, value, size);
    text[size] = 0;
    fuse_reply_err(request, -faults_command(&faults, &disk, text));
}

static void lossy_getxattr(fuse_req_t request, fuse_ino_t number, const char *name, size_t size) {
    char text[128];
    if (number != FUSE_ROOT_ID || strcmp(name, attribute) != 0) {
        fuse_reply_err(request, ENODATA);
        return;
    }
    size_t length = (size_t)faults_status(&faults, text, sizeof text);
    if (size == 0) {
        fuse_reply_xattr(request, length);
    } else if (length > size) {
        fuse_reply_err(request, ERANGE);
    } else {
        fuse_reply_buf(request, text, length);
    }
}

static const struct fuse_lowlevel_ops operations = {
    .lookup = lossy_lookup,
    .forget = lossy_forget,
    .getattr = lossy_getattr,
    .setattr = lossy_setattr,
    .create = lossy_create,
    .mkdir = lossy_mkdir,
    .unlink = lossy_unlink,
    .rmdir = lossy_rmdir,
    .rename = lossy_rename,
    .open = lossy_open,
    .release = lossy_release,
    .opendir = lossy_open,
    .readdir = lossy_readdir,
    .releasedir = lossy_release,
    .read = lossy_read,
    .write = lossy_write,
    .fallocate = lossy_fallocate,
    .fsync = lossy_fsync,
    .fsyncdir = lossy_fsyncdir,
    .statfs = lossy_statfs,
    .setxattr = lossy_setxattr,
    .getxattr = lossy_getxattr,
};

int main(int count, char **values) {
    struct fuse_args arguments = FUSE_ARGS_INIT(count, values);
    struct fuse_cmdline_opts options;
    if (fuse_parse_cmdline(&arguments, &options) != 0 || !options.mountpoint) {
        return 64;
    }
    disk_init(&disk);
    struct fuse_session *session = fuse_session_new(&arguments, &operations, sizeof operations, NULL);
    if (!session || fuse_set_signal_handlers(session) != 0 || fuse_session_mount(session, options.mountpoint) != 0) {
        return 1;
    }
    fuse_daemonize(options.foreground);
    int result = fuse_session_loop(session);
    fuse_session_unmount(session);
    fuse_session_destroy(session);
    return result != 0;
}
