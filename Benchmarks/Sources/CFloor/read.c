#define _GNU_SOURCE
#include "CFloor.h"
#include "checksum.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int segment_read(const char *directory, uint64_t number) {
    char path[2048];
    snprintf(path, sizeof path, "%s/%06llu.floor", directory, (unsigned long long)number);
    return open(path, O_RDONLY | O_CLOEXEC);
}

struct sums {
    int64_t events;
    uint64_t sum;
};

// The bytes a block takes: one unit, or more where it holds one large record. 0 if it holds nothing, -1 if it is damaged.
static inline int64_t block_size(const uint8_t *block, size_t available) {
    uint32_t stored, used;
    memcpy(&stored, block, 4);
    memcpy(&used, block + 4, 4);
    if (used == 0) return 0;
    size_t size = used <= BLOCK ? BLOCK : ((size_t)used + PAGE - 1) & ~(size_t)(PAGE - 1);
    if (size > available) return -2;
    return checksum(block + HEADER, size - HEADER) == stored ? (int64_t)size : -1;
}

#define WALK(BODY)                                                       \
    uint32_t used;                                                       \
    memcpy(&used, block + 4, 4);                                         \
    for (uint32_t p = HEADER; p + 4 <= used;) {                          \
        uint32_t length;                                                 \
        memcpy(&length, block + p, 4);                                   \
        const uint8_t *record = block + p + 4;                           \
        BODY;                                                            \
        p += 4 + length;                                                 \
    }

static inline void add(struct sums *sums, const uint8_t *record, uint32_t length) {
    uint64_t word = 0;
    if (length >= 8) memcpy(&word, record, 8);
    sums->sum += word;
    sums->events++;
}

enum how { BORROWED, OWNED, VISITED };

static int walk(const uint8_t *block, enum how how, struct sums *sums, floor_visitor visitor, void *context) {
    if (how == BORROWED) {
        WALK(add(sums, record, length))
    } else if (how == OWNED) {
        WALK({
            uint8_t *copy = malloc(length);
            if (!copy) return -1;
            memcpy(copy, record, length);
            __asm__ volatile("" : : "r"(copy) : "memory");
            add(sums, copy, length);
            free(copy);
        })
    } else {
        WALK({
            if (visitor(context, record, length) != 0) return -1;
            sums->events++;
        })
    }
    return 0;
}

static int64_t replay(
    const char *directory, int mapped, enum how how, struct sums *sums, floor_visitor visitor, void *context) {
    size_t capacity = READ;
    uint8_t *buffer = NULL;
    if (posix_memalign((void **)&buffer, 4096, capacity) != 0) return -1;
    int64_t result = 0;
    for (uint64_t number = 0; result == 0; number++) {
        int fd = segment_read(directory, number);
        if (fd < 0) break;
        struct stat status;
        if (fstat(fd, &status) != 0) result = -1;
        off_t size = status.st_size, at = 0;
        uint8_t *map = NULL;
        if (mapped && size > 0) {
            map = mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED, fd, 0);
            if (map == MAP_FAILED) return -1;
        }
        while (result == 0 && at < size) {
            const uint8_t *bytes;
            size_t available;
            if (map) {
                bytes = map + at;
                available = (size_t)(size - at);
            } else {
                ssize_t got = pread(fd, buffer, capacity, at);
                if (got <= 0) {
                    result = -1;
                    break;
                }
                bytes = buffer;
                available = (size_t)got;
            }
            size_t start = 0;
            while (start + BLOCK <= available) {
                int64_t count = block_size(bytes + start, available - start);
                if (count == -2 && !map && start == 0 && at + (off_t)available < size) {
                    uint32_t used;
                    memcpy(&used, bytes + 4, 4);
                    free(buffer);
                    capacity = ((size_t)used + 2 * BLOCK) & ~(size_t)(BLOCK - 1);
                    if (posix_memalign((void **)&buffer, 4096, capacity) != 0) return -1;
                    break;
                }
                if (count == -2) break;
                if (count < 0 || (count > 0 && walk(bytes + start, how, sums, visitor, context) != 0)) {
                    result = -1;
                    break;
                }
                start += count == 0 ? BLOCK : (size_t)count;
            }
            if (start == 0 && available < BLOCK) break;
            at += (off_t)start;
        }
        if (map) munmap(map, (size_t)size);
        close(fd);
    }
    free(buffer);
    return result == 0 ? sums->events : -1;
}

int64_t floor_replay(const char *directory, int mapped, uint64_t *digest) {
    struct sums sums = {0};
    int64_t count = replay(directory, mapped, BORROWED, &sums, NULL, NULL);
    *digest = sums.sum;
    return count;
}

int64_t floor_replay_owned(const char *directory, uint64_t *digest) {
    struct sums sums = {0};
    int64_t count = replay(directory, 0, OWNED, &sums, NULL, NULL);
    *digest = sums.sum;
    return count;
}

int64_t floor_visit(const char *directory, floor_visitor visitor, void *context) {
    struct sums sums = {0};
    return replay(directory, 0, VISITED, &sums, visitor, context);
}

// MARK: - Single events

struct entry {
    uint64_t first;
    uint32_t segment, block;
};

struct floor_index {
    struct entry *entries;
    size_t count;
    int *files;
    uint32_t file_count;
};

floor_index *floor_index_open(const char *directory) {
    floor_index *index = calloc(1, sizeof *index);
    if (!index) return NULL;
    uint8_t *buffer;
    if (posix_memalign((void **)&buffer, 4096, BLOCK) != 0) return NULL;
    uint64_t events = 0;
    size_t capacity = 0;
    for (uint32_t number = 0;; number++) {
        int fd = segment_read(directory, number);
        if (fd < 0) break;
        index->files = realloc(index->files, (number + 1) * sizeof(int));
        index->files[number] = fd;
        index->file_count = number + 1;
        for (uint32_t block_number = 0;; block_number++) {
            if (pread(fd, buffer, BLOCK, (off_t)block_number * BLOCK) != BLOCK) break;
            if (block_size(buffer, BLOCK) <= 0) break;
            if (index->count == capacity) {
                capacity = capacity ? capacity * 2 : 1024;
                index->entries = realloc(index->entries, capacity * sizeof(struct entry));
            }
            index->entries[index->count++] = (struct entry){events, number, block_number};
            const uint8_t *block = buffer;
            WALK({
                (void)record;
                events++;
            })
        }
    }
    free(buffer);
    return index;
}

int floor_index_find(floor_index *index, uint64_t number, uint64_t *word) {
    static __thread uint8_t buffer[BLOCK] __attribute__((aligned(4096)));
    size_t low = 0, high = index->count;
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (index->entries[middle].first <= number) low = middle; else high = middle;
    }
    const struct entry *entry = &index->entries[low];
    if (pread(index->files[entry->segment], buffer, BLOCK, (off_t)entry->block * BLOCK) != BLOCK) return -1;
    const uint8_t *block = buffer;
    if (block_size(block, BLOCK) <= 0) return -1;
    uint64_t current = entry->first;
    WALK({
        if (current++ == number && length >= 8) {
            memcpy(word, record, 8);
            return 0;
        }
    })
    return -1;
}

void floor_index_close(floor_index *index) {
    for (uint32_t i = 0; i < index->file_count; i++) close(index->files[i]);
    free(index->files);
    free(index->entries);
    free(index);
}
