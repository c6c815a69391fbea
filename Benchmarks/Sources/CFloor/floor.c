#define _GNU_SOURCE
#include "CFloor.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { BLOCK = 64 << 10, HEADER = 16, READ = 256 << 10 };

struct floor_log {
    pthread_mutex_t lock;
    char directory[1024];
    uint64_t segment_size, segment, offset;
    uint32_t used;
    int fd, preparation;
    uint8_t *block;
};

#if defined(__x86_64__)
#include <nmmintrin.h>
// Three streams at once; the three values are mixed, which costs what the real combination costs, and is as good for a floor.
__attribute__((target("sse4.2"))) static uint32_t checksum(const uint8_t *p, size_t n) {
    uint64_t a = 0, b = 0, c = 0;
    size_t third = (n / 24) * 8;
    const uint64_t *x = (const uint64_t *)p, *y = (const uint64_t *)(p + third), *z = (const uint64_t *)(p + 2 * third);
    for (size_t i = 0; i < third / 8; i++) {
        a = _mm_crc32_u64(a, x[i]);
        b = _mm_crc32_u64(b, y[i]);
        c = _mm_crc32_u64(c, z[i]);
    }
    for (size_t i = 3 * third; i < n; i++) c = _mm_crc32_u8((uint32_t)c, p[i]);
    return (uint32_t)(a ^ (b << 1) ^ (c << 2));
}
#else
static uint32_t checksum(const uint8_t *p, size_t n) {
    uint64_t sum = 0;
    for (size_t i = 0; i + 8 <= n; i += 8) {
        uint64_t word;
        memcpy(&word, p + i, 8);
        sum = (sum ^ word) * 0x9E3779B97F4A7C15ull;
    }
    return (uint32_t)(sum >> 32);
}
#endif

static int segment_open(floor_log *log, uint64_t number, int flags) {
    char path[1100];
    snprintf(path, sizeof path, "%s/%06llu.floor", log->directory, (unsigned long long)number);
    return open(path, flags | O_CLOEXEC, 0644);
}

static int segment_make(floor_log *log, uint64_t number) {
    int fd = segment_open(log, number, O_RDWR | O_CREAT);
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
        fdatasync(fd);
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

int floor_append(floor_log *log, const void *bytes, uint32_t count) {
    int result = 0;
    pthread_mutex_lock(&log->lock);
    if (log->used + 4 + count > BLOCK) result = write_block(log);
    memcpy(log->block + log->used, &count, 4);
    memcpy(log->block + log->used + 4, bytes, count);
    log->used += 4 + count;
    pthread_mutex_unlock(&log->lock);
    return result;
}

int floor_flush(floor_log *log) {
    pthread_mutex_lock(&log->lock);
    int result = log->used > HEADER ? write_block(log) : 0;
    pthread_mutex_unlock(&log->lock);
    return result;
}

void floor_close(floor_log *log) {
    if (log->fd >= 0) close(log->fd);
    free(log->block);
    free(log);
}

int64_t floor_replay(const char *directory, uint64_t *digest) {
    uint8_t *buffer;
    if (posix_memalign((void **)&buffer, 4096, READ) != 0) return -1;
    int64_t events = 0;
    uint64_t sum = 0;
    for (uint64_t number = 0;; number++) {
        char path[1100];
        snprintf(path, sizeof path, "%s/%06llu.floor", directory, (unsigned long long)number);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0) break;
        off_t at = 0;
        ssize_t got;
        while ((got = pread(fd, buffer, READ, at)) > 0) {
            for (ssize_t start = 0; start + BLOCK <= got; start += BLOCK) {
                uint8_t *block = buffer + start;
                uint32_t stored, used;
                memcpy(&stored, block, 4);
                memcpy(&used, block + 4, 4);
                if (used == 0) continue;
                if (checksum(block + HEADER, BLOCK - HEADER) != stored) return -1;
                for (uint32_t p = HEADER; p + 4 <= used;) {
                    uint32_t length;
                    memcpy(&length, block + p, 4);
                    uint64_t word = 0;
                    if (length >= 8) memcpy(&word, block + p + 4, 8);
                    sum += word;
                    events++;
                    p += 4 + length;
                }
            }
            at += got;
        }
        close(fd);
    }
    free(buffer);
    *digest = sum;
    return events;
}

void floor_touch_memory(uint64_t bytes) {
    uint8_t *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return;
    for (uint64_t at = 0; at < bytes; at += 4096) memory[at] = 1;
    munmap(memory, bytes);
}

uint64_t floor_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

enum { HOPS = 4 };

struct handoff {
    _Atomic uint32_t words[HOPS];
    _Atomic uint64_t sent;
    uint64_t *latencies;
    uint32_t count;
    int hops;
};

struct hop {
    struct handoff *handoff;
    int number;
};

static void *relay(void *argument) {
    struct hop *hop = argument;
    struct handoff *h = hop->handoff;
    _Atomic uint32_t *mine = &h->words[hop->number];
    for (uint32_t seen = 0; seen < h->count; seen++) {
        while (atomic_load(mine) == seen) syscall(SYS_futex, mine, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
        if (hop->number + 1 == h->hops) {
            h->latencies[seen] = floor_now() - atomic_load(&h->sent);
        } else {
            atomic_fetch_add(mine + 1, 1);
            syscall(SYS_futex, mine + 1, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
        }
    }
    return NULL;
}

int floor_handoff(uint32_t count, uint64_t pause, int hops, uint64_t *latencies) {
    struct handoff h = {.latencies = latencies, .count = count, .hops = hops > HOPS ? HOPS : hops};
    struct hop hop[HOPS];
    pthread_t threads[HOPS];
    for (int i = 0; i < h.hops; i++) {
        hop[i] = (struct hop){&h, i};
        if (pthread_create(&threads[i], NULL, relay, &hop[i]) != 0) return -1;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct timespec t = {(time_t)(pause / 1000000000u), (long)(pause % 1000000000u)};
        nanosleep(&t, NULL);
        atomic_store(&h.sent, floor_now());
        atomic_fetch_add(&h.words[0], 1);
        syscall(SYS_futex, &h.words[0], FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    }
    for (int i = 0; i < h.hops; i++) pthread_join(threads[i], NULL);
    return 0;
}
