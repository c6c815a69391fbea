#define _GNU_SOURCE
#include "CFloor.h"
#include "checksum.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct floor_log {
    pthread_mutex_t lock;
    char directory[1024];
    uint64_t segment_size, segment, offset;
    uint32_t used;
    int fd, preparation;
    uint8_t *block;
};

static int segment_make(floor_log *log, uint64_t number) {
    char path[1100];
    snprintf(path, sizeof path, "%s/%06llu.floor", log->directory, (unsigned long long)number);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0) return -1;
    if (log->preparation >= 1) {
#if defined(__linux__)
        if (fallocate(fd, 0, 0, (off_t)log->segment_size) != 0) return -1;
#else
        if (ftruncate(fd, (off_t)log->segment_size) != 0) return -1;
#endif
    }
    return fd;
}

floor_log *floor_open(const char *directory, uint64_t segment_size, int preparation) {
    floor_log *log = calloc(1, sizeof *log);
    if (!log) return NULL;
    pthread_mutex_init(&log->lock, NULL);
    snprintf(log->directory, sizeof log->directory, "%s", directory);
    log->segment_size = segment_size;
    log->preparation = preparation;
    log->fd = -1;
    log->used = HEADER;
    if (posix_memalign((void **)&log->block, 4096, BLOCK) != 0) return NULL;
    return log;
}

int floor_prepare(floor_log *log, uint64_t bytes) {
    if (log->preparation < 2) return 0;
    uint8_t *zeros = calloc(1, 1 << 20);
    for (uint64_t number = 0; number * log->segment_size < bytes + log->segment_size; number++) {
        int fd = segment_make(log, number);
        if (fd < 0) return -1;
        for (uint64_t at = 0; at < log->segment_size; at += 1 << 20)
            if (pwrite(fd, zeros, 1 << 20, (off_t)at) != 1 << 20) return -1;
        if (fdatasync(fd) != 0) return -1;
        close(fd);
    }
    free(zeros);
    return 0;
}

static int write_block(floor_log *log) {
    if (log->fd < 0 || log->offset + BLOCK > log->segment_size) {
        if (log->fd >= 0) close(log->fd);
        log->fd = segment_make(log, log->segment++);
        if (log->fd < 0) return -1;
        log->offset = 0;
    }
    memset(log->block + log->used, 0, BLOCK - log->used);
    memcpy(log->block + 4, &log->used, 4);
    uint32_t sum = checksum(log->block + HEADER, BLOCK - HEADER);
    memcpy(log->block, &sum, 4);
    if (pwrite(log->fd, log->block, BLOCK, (off_t)log->offset) != BLOCK) return -1;
    log->offset += BLOCK;
    log->used = HEADER;
    return 0;
}

// A record of the size of a block and more: a block of its own, of as many pages as it needs, written from a copy.
static int write_large(floor_log *log, const void *bytes, uint32_t count) {
    if (log->used > HEADER && write_block(log) != 0) return -1;
    size_t size = (HEADER + 4 + (size_t)count + PAGE - 1) & ~(size_t)(PAGE - 1);
    if (log->fd < 0 || log->offset + size > log->segment_size) {
        if (log->fd >= 0) close(log->fd);
        log->fd = segment_make(log, log->segment++);
        if (log->fd < 0) return -1;
        log->offset = 0;
    }
    static __thread uint8_t *block;
    static __thread size_t capacity;
    if (capacity < size) {
        free(block);
        if (posix_memalign((void **)&block, 4096, size) != 0) return -1;
        capacity = size;
    }
    uint32_t used = HEADER + 4 + count;
    memcpy(block + 4, &used, 4);
    memcpy(block + HEADER, &count, 4);
    memcpy(block + HEADER + 4, bytes, count);
    memset(block + used, 0, size - used);
    uint32_t sum = checksum(block + HEADER, size - HEADER);
    memcpy(block, &sum, 4);
    if (pwrite(log->fd, block, size, (off_t)log->offset) != (ssize_t)size) return -1;
    log->offset += size;
    return 0;
}

static inline int append(floor_log *log, const void *bytes, uint32_t count) {
    int result = 0;
    if (HEADER + 4 + count > BLOCK) return write_large(log, bytes, count);
    if (log->used + 4 + count > BLOCK) result = write_block(log);
    memcpy(log->block + log->used, &count, 4);
    memcpy(log->block + log->used + 4, bytes, count);
    log->used += 4 + count;
    return result;
}

int floor_append(floor_log *log, const void *bytes, uint32_t count) {
    pthread_mutex_lock(&log->lock);
    int result = append(log, bytes, count);
    pthread_mutex_unlock(&log->lock);
    return result;
}

int floor_append_batch(floor_log *log, const uint8_t *bytes, uint32_t count, uint32_t size) {
    int result = 0;
    pthread_mutex_lock(&log->lock);
    for (uint32_t i = 0; i < count && result == 0; i++) result = append(log, bytes + (size_t)i * size, size);
    pthread_mutex_unlock(&log->lock);
    return result;
}

int floor_flush(floor_log *log) {
    pthread_mutex_lock(&log->lock);
    int result = log->used > HEADER ? write_block(log) : 0;
    pthread_mutex_unlock(&log->lock);
    return result;
}

int floor_close(floor_log *log) {
    int result = floor_flush(log);
    if (log->fd >= 0) close(log->fd);
    free(log->block);
    free(log);
    return result;
}
