// A disk in memory, as a file, that logs every write and every flush; and, as another file, the disk as a power cut
// between two flushes could have left it.
//
//   blocklog --mib=N -s MOUNTPOINT
//
//   disk    the disk: put a loop device on it
//   mark    what is written here goes into the log, in its order with the disk's own writes
//   marks   the marks, each with the number of flushes logged before it (8 bytes, then 32 of the mark)
//   state   the disk after a power cut, as chosen last; what is written to it lasts until the next choice
//
// It is told by the extended attribute user.blocklog of its root: "origin" takes the disk as it is for the beginning;
// "record" puts that back and begins a log; "stop" ends it; "state F SEED KEEP" chooses the state with all up to the
// F-th flush, and of the writes between that one and the next each sector with a chance of KEEP percent. F must not
// fall between two "record"s. The attribute reads as the number of flushes logged.
#define FUSE_USE_VERSION 31

#include <errno.h>
#include <fuse.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "image.h"

enum { sector_size = 512, mark_size = 32 };
enum kind { kind_write, kind_flush, kind_mark };
enum file { file_disk = 1, file_mark, file_marks, file_state };

static const char *const file_names[] = {"", "/disk", "/mark", "/marks", "/state"};
static const char attribute[] = "user.blocklog";

struct record {
    enum kind kind;
    size_t offset, count;
    uint8_t *bytes;
};

struct mark {
    uint64_t flushes;
    uint8_t bytes[mark_size];
};

static struct {
    struct image disk, origin, base, state;
    size_t bytes;
    bool is_recording;
    struct record *log;
    size_t count, capacity;
    struct mark *marks;
    size_t mark_count, mark_capacity;
    uint64_t flushes;
    // How much of the log is in `base`, and how many flushes that holds.
    size_t applied;
    uint64_t applied_flushes;
} all;

static uint64_t random_next(uint64_t *state) {
    uint64_t value = *state += 0x9e3779b97f4a7c15u;
    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9u;
    value = (value ^ value >> 27) * 0x94d049bb133111ebu;
    return value ^ value >> 31;
}

static void *room(void *list, size_t count, size_t *capacity, size_t size) {
    if (count < *capacity) {
        return list;
    }
    *capacity = *capacity ? 2 * *capacity : 1024;
    list = realloc(list, *capacity * size);
    if (!list) {
        abort();
    }
    return list;
}

static void note(enum kind kind, const void *bytes, size_t count, size_t offset) {
    if (!all.is_recording) {
        return;
    }
    all.log = room(all.log, all.count, &all.capacity, sizeof *all.log);
    struct record *record = &all.log[all.count++];
    *record = (struct record){.kind = kind, .offset = offset, .count = count};
    if (count) {
        record->bytes = malloc(count);
        if (!record->bytes) {
            abort();
        }
        memcpy(record->bytes, bytes, count);
    }
    all.flushes += kind == kind_flush;
}

static void note_mark(const void *bytes) {
    all.marks = room(all.marks, all.mark_count, &all.mark_capacity, sizeof *all.marks);
    struct mark *mark = &all.marks[all.mark_count++];
    mark->flushes = all.flushes;
    memcpy(mark->bytes, bytes, mark_size);
}

static void begin_recording(void) {
    for (size_t at = 0; at < all.count; at++) {
        free(all.log[at].bytes);
    }
    all.count = all.mark_count = all.applied = 0;
    all.flushes = all.applied_flushes = 0;
    image_copy(&all.disk, &all.origin);
    image_copy(&all.base, &all.origin);
    image_clear(&all.state);
    all.is_recording = true;
}

static int choose_state(uint64_t flush, uint64_t seed, unsigned keep) {
    if (flush < all.applied_flushes || flush > all.flushes) {
        return -EINVAL;
    }
    while (all.applied_flushes < flush) {
        const struct record *record = &all.log[all.applied++];
        if (record->kind == kind_write) {
            image_write(&all.base, record->bytes, record->count, record->offset);
        }
        all.applied_flushes += record->kind == kind_flush;
    }
    image_clear(&all.state);
    for (size_t at = all.applied; at < all.count && all.log[at].kind != kind_flush; at++) {
        const struct record *record = &all.log[at];
        for (size_t part = 0; part < record->count; part += sector_size) {
            size_t size = record->count - part < sector_size ? record->count - part : sector_size;
            if (random_next(&seed) % 100 < keep) {
                image_write(&all.state, record->bytes + part, size, record->offset + part);
            }
        }
    }
    return 0;
}

static enum file file_of(const char *path) {
    for (int file = file_disk; file <= file_state; file++) {
        if (strcmp(path, file_names[file]) == 0) {
            return file;
        }
    }
    return 0;
}

static void *start(struct fuse_conn_info *connection, struct fuse_config *config) {
    (void)connection;
    config->entry_timeout = config->attr_timeout = config->negative_timeout = 0;
    // The kernel must keep nothing: the state changes behind its back.
    config->direct_io = 1;
    return NULL;
}

static int log_getattr(const char *path, struct stat *status, struct fuse_file_info *info) {
    (void)info;
    *status = (struct stat){.st_mode = S_IFDIR | 0755, .st_nlink = 2};
    if (strcmp(path, "/") == 0) {
        return 0;
    }
    enum file file = file_of(path);
    if (!file) {
        return -ENOENT;
    }
    size_t marks = all.mark_count * sizeof *all.marks;
    *status = (struct stat){
        .st_mode = S_IFREG | 0600,
        .st_nlink = 1,
        .st_size = (off_t)(file == file_mark ? 0 : file == file_marks ? marks : all.bytes)};
    return 0;
}

static int log_open(const char *path, struct fuse_file_info *info) {
    info->fh = file_of(path);
    return info->fh ? 0 : -ENOENT;
}

static int log_read(const char *path, char *buffer, size_t count, off_t offset, struct fuse_file_info *info) {
    (void)path;
    if (info->fh == file_mark) {
        return 0;
    }
    size_t size = info->fh == file_marks ? all.mark_count * sizeof *all.marks : all.bytes;
    if ((size_t)offset >= size) {
        return 0;
    }
    count = count < size - (size_t)offset ? count : size - (size_t)offset;
    if (info->fh == file_marks) {
        memcpy(buffer, (const uint8_t *)all.marks + offset, count);
    } else {
        image_read(info->fh == file_disk ? &all.disk : &all.state, buffer, count, (size_t)offset);
    }
    return (int)count;
}

static int log_write(
    const char *path, const char *bytes, size_t count, off_t offset, struct fuse_file_info *info) {
    (void)path;
    if (info->fh == file_marks) {
        return -EACCES;
    }
    if (info->fh == file_mark) {
        for (size_t at = 0; at + mark_size <= count; at += mark_size) {
            note_mark(bytes + at);
        }
        return (int)count;
    }
    if ((size_t)offset + count > all.bytes) {
        return -ENOSPC;
    }
    if (info->fh == file_disk) {
        note(kind_write, bytes, count, (size_t)offset);
    }
    image_write(info->fh == file_disk ? &all.disk : &all.state, bytes, count, (size_t)offset);
    return (int)count;
}

static int log_fsync(const char *path, int data_only, struct fuse_file_info *info) {
    (void)path, (void)data_only;
    if (info->fh == file_disk) {
        note(kind_flush, NULL, 0, 0);
    }
    return 0;
}

static int log_truncate(const char *path, off_t size, struct fuse_file_info *info) {
    (void)path, (void)size, (void)info;
    return 0;
}

static int log_setxattr(const char *path, const char *name, const char *value, size_t size, int flags) {
    (void)flags;
    char text[128];
    uint64_t flush, seed;
    unsigned keep;
    if (strcmp(path, "/") != 0 || strcmp(name, attribute) != 0 || size >= sizeof text) {
        return -EOPNOTSUPP;
    }
    memcpy(text, value, size);
    text[size] = 0;
    if (strcmp(text, "origin") == 0) {
        image_copy(&all.origin, &all.disk);
    } else if (strcmp(text, "record") == 0) {
        begin_recording();
    } else if (strcmp(text, "stop") == 0) {
        all.is_recording = false;
    } else if (sscanf(text, "state %" SCNu64 " %" SCNu64 " %u", &flush, &seed, &keep) == 3) {
        return choose_state(flush, seed, keep);
    } else {
        return -EINVAL;
    }
    return 0;
}

static int log_getxattr(const char *path, const char *name, char *value, size_t size) {
    char text[32];
    if (strcmp(path, "/") != 0 || strcmp(name, attribute) != 0) {
        return -ENODATA;
    }
    int length = snprintf(text, sizeof text, "%" PRIu64, all.flushes);
    if (size && (size_t)length > size) {
        return -ERANGE;
    }
    if (size) {
        memcpy(value, text, (size_t)length);
    }
    return length;
}

static const struct fuse_operations operations = {
    .init = start,
    .getattr = log_getattr,
    .open = log_open,
    .read = log_read,
    .write = log_write,
    .fsync = log_fsync,
    .truncate = log_truncate,
    .setxattr = log_setxattr,
    .getxattr = log_getxattr,
};

struct options {
    unsigned mib;
};

int main(int count, char **values) {
    struct options options = {.mib = 64};
    const struct fuse_opt known[] = {{"--mib=%u", offsetof(struct options, mib), 0}, FUSE_OPT_END};
    struct fuse_args arguments = FUSE_ARGS_INIT(count, values);
    if (fuse_opt_parse(&arguments, &options, known, NULL) < 0) {
        return 1;
    }
    all.bytes = (size_t)options.mib << 20;
    image_init(&all.disk, all.bytes, NULL);
    image_init(&all.origin, all.bytes, NULL);
    image_init(&all.base, all.bytes, NULL);
    image_init(&all.state, all.bytes, &all.base);
    return fuse_main(arguments.argc, arguments.argv, &operations, NULL);
}
