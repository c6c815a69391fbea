#ifndef CHECKSUM_H
#define CHECKSUM_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { BLOCK = 64 << 10, HEADER = 16, READ = 256 << 10, PAGE = 4096 };

#if defined(__x86_64__)
#include <nmmintrin.h>
// Three streams at once; the three values are mixed, which costs what the real combination costs, and is as good for a floor.
__attribute__((target("sse4.2"))) static inline uint32_t checksum(const uint8_t *p, size_t n) {
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
static inline uint32_t checksum(const uint8_t *p, size_t n) {
    uint64_t sum = 0;
    for (size_t i = 0; i + 8 <= n; i += 8) {
        uint64_t word;
        memcpy(&word, p + i, 8);
        sum = (sum ^ word) * 0x9E3779B97F4A7C15ull;
    }
    return (uint32_t)(sum >> 32);
}
#endif

#endif
