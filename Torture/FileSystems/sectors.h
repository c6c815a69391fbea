// A disk in memory that knows what of it is on stable storage.
//
// Every file has two copies, the one that is seen and the one that a power cut leaves, and a mark for each 512-byte
// sector that differs because it was written and not synced. Names are separate: a change of a directory is pending
// until that directory is synced.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { sector_size = 512, name_max = 255 };

struct inode;

struct entry {
    char name[name_max + 1];
    struct inode *inode;
};

struct entries {
    struct entry *list;
    size_t count;
};

struct inode {
    bool is_directory;
    bool is_reachable;
    // How often the kernel holds it.
    uint64_t references;
    uint64_t number;
    // Of a file.
    uint8_t *seen, *durable, *dirty;
    size_t size, durable_size, capacity;
    // Of a directory.
    struct entries names, durable_names;
    struct inode *next;
};

// What a power cut keeps of what was not synced, in percent of the sectors and sizes, and of the changes of names.
struct cut {
    uint64_t seed;
    unsigned keep_data, keep_names;
};

struct disk {
    struct inode *root, *all;
    struct change *changes, **last_change;
    uint64_t next_number;
    // A sync of a file keeps its name too, as ext4, xfs and btrfs do.
    bool is_lax;
    // The bytes that fit; 0: no limit.
    size_t capacity;
};

void disk_init(struct disk *disk);
uint64_t random_next(uint64_t *state);

// All return 0 or a negative error number.
int disk_make(struct disk *disk, struct inode *parent, const char *name, bool is_directory, struct inode **made);
int disk_remove(struct disk *disk, struct inode *parent, const char *name, bool is_directory);
int disk_rename(
    struct disk *disk, struct inode *old_parent, const char *old_name, struct inode *new_parent,
    const char *new_name, bool may_replace);

int file_reserve(struct disk *disk, struct inode *file, size_t end);
int file_write(struct disk *disk, struct inode *file, const char *bytes, size_t count, size_t offset);
int file_resize(struct disk *disk, struct inode *file, size_t size);

void disk_sync_file(struct disk *disk, struct inode *file);
// A sync that failed: the pages count as clean from now on, and stable storage keeps what it had.
void disk_forget_dirt(struct inode *file);
void disk_sync_directory(struct disk *disk, struct inode *directory);
void disk_cut(struct disk *disk, struct cut cut);
// Flips a bit of a file, seen and durable; tells where, so that it can be flipped back.
bool disk_rot(struct disk *disk, uint64_t seed, uint64_t *inode, size_t *offset, uint8_t *mask);
void disk_flip(struct disk *disk, uint64_t inode, size_t offset, uint8_t mask);
// Frees what nothing can reach any more.
void disk_sweep(struct disk *disk);
