#include "sectors.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "names.h"

uint64_t random_next(uint64_t *state) {
    uint64_t value = *state += 0x9e3779b97f4a7c15u;
    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9u;
    value = (value ^ value >> 27) * 0x94d049bb133111ebu;
    return value ^ value >> 31;
}

static bool chance(uint64_t *state, unsigned percent) {
    return random_next(state) % 100 < percent;
}

void disk_init(struct disk *disk) {
    *disk = (struct disk){.next_number = 2};
    disk->last_change = &disk->changes;
    disk->root = calloc(1, sizeof *disk->root);
    if (!disk->root) {
        abort();
    }
    disk->root->is_directory = true;
    disk->root->number = 1;
    disk->all = disk->root;
}

static size_t sectors(size_t bytes) {
    return (bytes + sector_size - 1) / sector_size;
}

static int grow(struct inode *file, size_t end) {
    if (end <= file->capacity) {
        return 0;
    }
    size_t capacity = file->capacity ? file->capacity : 4096;
    while (capacity < end) {
        capacity *= 2;
    }
    uint8_t *seen = realloc(file->seen, capacity);
    file->seen = seen ? seen : file->seen;
    uint8_t *durable = realloc(file->durable, capacity);
    file->durable = durable ? durable : file->durable;
    uint8_t *dirty = realloc(file->dirty, sectors(capacity));
    file->dirty = dirty ? dirty : file->dirty;
    if (!seen || !durable || !dirty) {
        return -ENOMEM;
    }
    memset(seen + file->capacity, 0, capacity - file->capacity);
    memset(durable + file->capacity, 0, capacity - file->capacity);
    memset(dirty + sectors(file->capacity), 0, sectors(capacity) - sectors(file->capacity));
    file->capacity = capacity;
    return 0;
}

static size_t count_bytes(const struct inode *inode) {
    size_t bytes = inode->size;
    for (size_t at = 0; at < inode->names.count; at++) {
        bytes += count_bytes(inode->names.list[at].inode);
    }
    return bytes;
}

int file_reserve(struct disk *disk, struct inode *file, size_t end) {
    if (end <= file->size) {
        return 0;
    }
    if (disk->capacity && count_bytes(disk->root) + (end - file->size) > disk->capacity) {
        return -ENOSPC;
    }
    int result = grow(file, end);
    if (result == 0) {
        file->size = end;
    }
    return result;
}

static void make_dirty(struct inode *file, size_t from, size_t end) {
    for (size_t at = from / sector_size; at < sectors(end); at++) {
        file->dirty[at] = 1;
    }
}

int file_write(struct disk *disk, struct inode *file, const char *bytes, size_t count, size_t offset) {
    int result = file_reserve(disk, file, offset + count);
    if (result < 0 || count == 0) {
        return result;
    }
    memcpy(file->seen + offset, bytes, count);
    make_dirty(file, offset, offset + count);
    return 0;
}

int file_resize(struct disk *disk, struct inode *file, size_t size) {
    if (size >= file->size) {
        return file_reserve(disk, file, size);
    }
    memset(file->seen + size, 0, file->size - size);
    make_dirty(file, size, file->size);
    file->size = size;
    return 0;
}

static void keep_sector(struct inode *file, size_t sector) {
    memcpy(file->durable + sector * sector_size, file->seen + sector * sector_size, sector_size);
}

void disk_sync_file(struct disk *disk, struct inode *file) {
    for (size_t at = 0; at < sectors(file->capacity); at++) {
        if (file->dirty[at]) {
            keep_sector(file, at);
            file->dirty[at] = 0;
        }
    }
    file->durable_size = file->size;
    if (disk->is_lax) {
        changes_settle(disk, file);
    }
}

void disk_forget_dirt(struct inode *file) {
    if (file->dirty) {
        memset(file->dirty, 0, sectors(file->capacity));
    }
}

void disk_sync_directory(struct disk *disk, struct inode *directory) {
    changes_settle(disk, directory);
}

static void cut_file(struct inode *file, uint64_t *random, unsigned keep) {
    for (size_t at = 0; at < sectors(file->capacity); at++) {
        if (file->dirty[at] && chance(random, keep)) {
            keep_sector(file, at);
        }
        file->dirty[at] = 0;
    }
    if (file->size != file->durable_size && chance(random, keep)) {
        file->durable_size = file->size;
    }
    file->size = file->durable_size;
    if (file->capacity) {
        memset(file->durable + file->size, 0, file->capacity - file->size);
        memcpy(file->seen, file->durable, file->capacity);
    }
}

void disk_cut(struct disk *disk, struct cut cut) {
    uint64_t random = cut.seed;
    for (struct inode *inode = disk->all; inode; inode = inode->next) {
        cut_file(inode, &random, cut.keep_data);
    }
    // Any of the pending changes, not only the first ones.
    for (struct change *change = disk->changes, *next; change; change = next) {
        next = change->next;
        if (chance(&random, cut.keep_names)) {
            change_apply(change);
        }
        free(change);
    }
    disk->changes = NULL;
    disk->last_change = &disk->changes;
    for (struct inode *inode = disk->all; inode; inode = inode->next) {
        entries_copy(&inode->names, &inode->durable_names);
    }
    disk_sweep(disk);
}

bool disk_rot(struct disk *disk, uint64_t seed, uint64_t *number, size_t *offset, uint8_t *mask) {
    size_t files = 0;
    for (struct inode *inode = disk->all; inode; inode = inode->next) {
        files += inode->is_reachable && inode->size > 0;
    }
    if (!files) {
        return false;
    }
    size_t chosen = random_next(&seed) % files;
    for (struct inode *inode = disk->all; inode; inode = inode->next) {
        if (inode->is_reachable && inode->size > 0 && chosen-- == 0) {
            *number = inode->number;
            *offset = random_next(&seed) % inode->size;
            *mask = (uint8_t)(1u << random_next(&seed) % 8);
        }
    }
    disk_flip(disk, *number, *offset, *mask);
    return true;
}

void disk_flip(struct disk *disk, uint64_t number, size_t offset, uint8_t mask) {
    for (struct inode *inode = disk->all; inode; inode = inode->next) {
        if (inode->number == number && offset < inode->capacity) {
            inode->seen[offset] ^= mask;
            inode->durable[offset] ^= mask;
        }
    }
}

static void mark(struct inode *inode) {
    if (inode->is_reachable) {
        return;
    }
    inode->is_reachable = true;
    for (size_t at = 0; at < inode->names.count; at++) {
        mark(inode->names.list[at].inode);
    }
    for (size_t at = 0; at < inode->durable_names.count; at++) {
        mark(inode->durable_names.list[at].inode);
    }
}

void disk_sweep(struct disk *disk) {
    for (struct inode *inode = disk->all; inode; inode = inode->next) {
        inode->is_reachable = false;
    }
    mark(disk->root);
    for (struct inode *inode = disk->all; inode; inode = inode->next) {
        if (inode->references > 0) {
            mark(inode);
        }
    }
    for (struct change *change = disk->changes; change; change = change->next) {
        mark(change->inode);
        if (change->from) {
            mark(change->from);
        }
        if (change->to) {
            mark(change->to);
        }
    }
    struct inode **at = &disk->all;
    while (*at) {
        struct inode *inode = *at;
        if (inode->is_reachable) {
            at = &inode->next;
            continue;
        }
        *at = inode->next;
        free(inode->seen);
        free(inode->durable);
        free(inode->dirty);
        free(inode->names.list);
        free(inode->durable_names.list);
        free(inode);
    }
}
