// The names in directories, and the changes of them that are not durable yet.
#pragma once

#include "sectors.h"

// A name that comes, goes, or moves; a move is one change, as rename(2) is atomic.
struct change {
    struct inode *from, *to;
    char old_name[name_max + 1], new_name[name_max + 1];
    struct inode *inode;
    struct change *next;
};

struct inode *entries_find(const struct entries *entries, const char *name);
void entries_set(struct entries *entries, const char *name, struct inode *inode);
void entries_remove(struct entries *entries, const char *name);
void entries_copy(struct entries *to, const struct entries *from);

void change_apply(const struct change *change);
// Makes durable the changes that concern a directory, or an inode.
void changes_settle(struct disk *disk, const struct inode *concerned);
