#define _GNU_SOURCE
#include "CFloor.h"

#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

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
