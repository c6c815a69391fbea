#include "names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct inode *entries_find(const struct entries *entries, const char *name) {
    for (size_t at = 0; at < entries->count; at++) {
        if (strcmp(entries->list[at].name, name) == 0) {
            return entries->list[at].inode;
        }
    }
    return NULL;
}

void entries_remove(struct entries *entries, const char *name) {
    for (size_t at = 0; at < entries->count; at++) {
        if (strcmp(entries->list[at].name, name) == 0) {
            entries->list[at] = entries->list[--entries->count];
            return;
        }
    }
}

static void entries_resize(struct entries *entries, size_t count) {
    entries->list = realloc(entries->list, (count ? count : 1) * sizeof *entries->list);
    if (!entries->list) {
        abort();
    }
    entries->count = count;
}

void entries_set(struct entries *entries, const char *name, struct inode *inode) {
    entries_remove(entries, name);
    entries_resize(entries, entries->count + 1);
    struct entry *entry = &entries->list[entries->count - 1];
    strncpy(entry->name, name, name_max);
    entry->name[name_max] = 0;
    entry->inode = inode;
}

void entries_copy(struct entries *to, const struct entries *from) {
    entries_resize(to, from->count);
    if (from->count) {
        memcpy(to->list, from->list, from->count * sizeof *from->list);
    }
}

void change_apply(const struct change *change) {
    if (change->from && entries_find(&change->from->durable_names, change->old_name) == change->inode) {
        entries_remove(&change->from->durable_names, change->old_name);
    }
    if (change->to) {
        entries_set(&change->to->durable_names, change->new_name, change->inode);
    }
}

void changes_settle(struct disk *disk, const struct inode *concerned) {
    struct change **at = &disk->changes;
    while (*at) {
        struct change *change = *at;
        if (change->from != concerned && change->to != concerned && change->inode != concerned) {
            at = &change->next;
            continue;
        }
        change_apply(change);
        *at = change->next;
        free(change);
    }
    disk->last_change = at;
}

static void note(struct disk *disk, struct change change) {
    struct change *copy = malloc(sizeof *copy);
    if (!copy) {
        abort();
    }
    *copy = change;
    copy->next = NULL;
    *disk->last_change = copy;
    disk->last_change = &copy->next;
}

int disk_make(struct disk *disk, struct inode *parent, const char *name, bool is_directory, struct inode **made) {
    if (entries_find(&parent->names, name)) {
        return -EEXIST;
    }
    if (strlen(name) > name_max) {
        return -ENAMETOOLONG;
    }
    struct inode *inode = calloc(1, sizeof *inode);
    if (!inode) {
        return -ENOMEM;
    }
    inode->is_directory = is_directory;
    inode->number = disk->next_number++;
    inode->next = disk->all;
    disk->all = inode;
    entries_set(&parent->names, name, inode);
    struct change change = {.to = parent, .inode = inode};
    strcpy(change.new_name, name);
    note(disk, change);
    *made = inode;
    return 0;
}

int disk_remove(struct disk *disk, struct inode *parent, const char *name, bool is_directory) {
    struct inode *inode = entries_find(&parent->names, name);
    if (!inode) {
        return -ENOENT;
    }
    if (inode->is_directory != is_directory) {
        return is_directory ? -ENOTDIR : -EISDIR;
    }
    if (is_directory && inode->names.count) {
        return -ENOTEMPTY;
    }
    struct change change = {.from = parent, .inode = inode};
    strcpy(change.old_name, name);
    note(disk, change);
    entries_remove(&parent->names, name);
    return 0;
}

int disk_rename(
    struct disk *disk, struct inode *old_parent, const char *old_name, struct inode *new_parent,
    const char *new_name, bool may_replace) {
    struct inode *inode = entries_find(&old_parent->names, old_name);
    struct inode *replaced = entries_find(&new_parent->names, new_name);
    if (!inode) {
        return -ENOENT;
    }
    if (strlen(new_name) > name_max) {
        return -ENAMETOOLONG;
    }
    if (replaced && !may_replace) {
        return -EEXIST;
    }
    if (replaced == inode) {
        return 0;
    }
    struct change change = {.from = old_parent, .to = new_parent, .inode = inode};
    strcpy(change.old_name, old_name);
    strcpy(change.new_name, new_name);
    note(disk, change);
    entries_remove(&old_parent->names, old_name);
    entries_set(&new_parent->names, new_name, inode);
    return 0;
}
