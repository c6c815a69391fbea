// CRC-32C by the processor's crc32 instruction. It takes three cycles but one can start every cycle, so long inputs
// are split into three streams; tables that advance a register over a stream's length join them again.

#include "crc32c_internal.h"

#ifdef WAL_CRC32C_INSTRUCTIONS

#if defined(__x86_64__)
#include <nmmintrin.h>
#define STEP64(raw, word) ((uint32_t)_mm_crc32_u64((raw), (word)))
#define STEP8(raw, byte) _mm_crc32_u8((raw), (byte))
#else
#include <arm_acle.h>
#define STEP64(raw, word) __crc32cd((raw), (word))
#define STEP8(raw, byte) __crc32cb((raw), (byte))
#endif

#define LONG_STREAM 2048
#define SHORT_STREAM 128

// Written once by the constructor of crc32c.c.
static uint32_t advance_long[4][256];
static uint32_t advance_short[4][256];

/// Fills `table` so that XORing four entries advances a register over `count` zero bytes. The operation is linear, so
/// it is enough to advance every single bit and add up.
static void prepare_advance(uint32_t table[4][256], size_t count) {
    uint32_t advanced[32];
    for (int bit = 0; bit < 32; bit++) {
        uint32_t raw = 1u << bit;
        for (size_t step = 0; step < 8 * count; step++) {
            raw = (raw >> 1) ^ ((raw & 1) != 0 ? WAL_CRC32C_POLYNOMIAL : 0);
        }
        advanced[bit] = raw;
    }
    for (int part = 0; part < 4; part++) {
        for (uint32_t byte = 0; byte < 256; byte++) {
            uint32_t sum = 0;
            for (int bit = 0; bit < 8; bit++) {
                sum ^= ((byte >> bit) & 1) != 0 ? advanced[8 * part + bit] : 0;
            }
            table[part][byte] = sum;
        }
    }
}

void wal_crc32c_prepare_interleaved(void) {
    prepare_advance(advance_long, LONG_STREAM);
    prepare_advance(advance_short, SHORT_STREAM);
}

static inline uint32_t advance(uint32_t table[4][256], uint32_t raw) {
    return table[0][raw & 0xff] ^ table[1][(raw >> 8) & 0xff] ^ table[2][(raw >> 16) & 0xff] ^ table[3][raw >> 24];
}

WAL_CRC32C_TARGET static inline uint32_t three_streams(
    uint32_t raw, const uint8_t *bytes, size_t stream, uint32_t table[4][256]) {
    uint32_t second = 0, third = 0;
    for (size_t at = 0; at < stream; at += 8) {
        raw = STEP64(raw, wal_load64(bytes + at));
        second = STEP64(second, wal_load64(bytes + stream + at));
        third = STEP64(third, wal_load64(bytes + 2 * stream + at));
    }
    return advance(table, advance(table, raw) ^ second) ^ third;
}

WAL_CRC32C_TARGET uint32_t wal_crc32c_raw_interleaved(uint32_t raw, const uint8_t *bytes, size_t count) {
    for (; count >= 3 * LONG_STREAM; count -= 3 * LONG_STREAM, bytes += 3 * LONG_STREAM) {
        raw = three_streams(raw, bytes, LONG_STREAM, advance_long);
    }
    for (; count >= 3 * SHORT_STREAM; count -= 3 * SHORT_STREAM, bytes += 3 * SHORT_STREAM) {
        raw = three_streams(raw, bytes, SHORT_STREAM, advance_short);
    }
    for (; count >= 8; count -= 8, bytes += 8) {
        raw = STEP64(raw, wal_load64(bytes));
    }
    for (; count > 0; count--, bytes++) {
        raw = STEP8(raw, *bytes);
    }
    return raw;
}

#endif
