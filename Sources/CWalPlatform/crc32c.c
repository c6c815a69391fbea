// CRC-32C: which method runs on this processor, and the table method that runs on any.

#include "CWalPlatform.h"
#include "crc32c_internal.h"

#if defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

/// Below this the crc32 instruction alone is faster than folding and reducing.
#define FOLDING_MINIMUM 128

// Both are written once, by the constructor, before any other code of the program runs.
static uint32_t tables[8][256];
static int method;

static void prepare_tables(void) {
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t raw = byte;
        for (int bit = 0; bit < 8; bit++) {
            raw = (raw >> 1) ^ ((raw & 1) != 0 ? WAL_CRC32C_POLYNOMIAL : 0);
        }
        tables[0][byte] = raw;
    }
    for (uint32_t byte = 0; byte < 256; byte++) {
        for (int zeros = 1; zeros < 8; zeros++) {
            uint32_t raw = tables[zeros - 1][byte];
            tables[zeros][byte] = (raw >> 8) ^ tables[0][raw & 0xff];
        }
    }
}

static int best_method(void) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("sse4.2")) {
        return 0;
    }
    bool folds = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl")
        && __builtin_cpu_supports("vpclmulqdq");
    return folds ? 2 : 1;
#elif defined(WAL_CRC32C_INSTRUCTIONS) && defined(__APPLE__)
    return 1;  // every 64-bit Apple processor the package supports has them
#elif defined(WAL_CRC32C_INSTRUCTIONS) && defined(__linux__)
    return (getauxval(AT_HWCAP) & (1 << 7)) != 0 ? 1 : 0;  // HWCAP_CRC32
#else
    return 0;
#endif
}

__attribute__((constructor)) static void prepare(void) {
    prepare_tables();
    method = best_method();
#ifdef WAL_CRC32C_INSTRUCTIONS
    if (method > 0) {
        wal_crc32c_prepare_interleaved();
    }
#endif
}

int wal_crc32c_method(void) {
    return method;
}

uint32_t wal_crc32c_raw_portable(uint32_t raw, const uint8_t *bytes, size_t count) {
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    for (; count >= 8; count -= 8, bytes += 8) {
        uint64_t word = wal_load64(bytes) ^ raw;
        raw = tables[7][word & 0xff] ^ tables[6][(word >> 8) & 0xff] ^ tables[5][(word >> 16) & 0xff]
            ^ tables[4][(word >> 24) & 0xff] ^ tables[3][(word >> 32) & 0xff] ^ tables[2][(word >> 40) & 0xff]
            ^ tables[1][(word >> 48) & 0xff] ^ tables[0][word >> 56];
    }
#endif
    for (; count > 0; count--, bytes++) {
        raw = (raw >> 8) ^ tables[0][(raw ^ *bytes) & 0xff];
    }
    return raw;
}

uint32_t wal_crc32c_portable(uint32_t crc, const void *bytes, size_t count) {
    return ~wal_crc32c_raw_portable(~crc, bytes, count);
}

uint32_t wal_crc32c_interleaved(uint32_t crc, const void *bytes, size_t count) {
#ifdef WAL_CRC32C_INSTRUCTIONS
    if (method > 0) {
        return ~wal_crc32c_raw_interleaved(~crc, bytes, count);
    }
#endif
    return wal_crc32c_portable(crc, bytes, count);
}

uint32_t wal_crc32c(uint32_t crc, const void *bytes, size_t count) {
#if defined(__x86_64__)
    if (method == 2 && count >= FOLDING_MINIMUM) {
        return ~wal_crc32c_raw_folded(~crc, bytes, count);
    }
#endif
    return wal_crc32c_interleaved(crc, bytes, count);
}
