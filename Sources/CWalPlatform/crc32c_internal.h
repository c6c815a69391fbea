// How the parts of the checksum share tables. All functions here work on the inverted ("raw") register.

#ifndef WAL_CRC32C_INTERNAL_H
#define WAL_CRC32C_INTERNAL_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/// The polynomial 0x1EDC6F41, bits reversed.
#define WAL_CRC32C_POLYNOMIAL 0x82f63b78u

#if defined(__x86_64__)
#define WAL_CRC32C_INSTRUCTIONS 1
#define WAL_CRC32C_TARGET __attribute__((target("sse4.2")))
#elif defined(__aarch64__) && defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define WAL_CRC32C_INSTRUCTIONS 1
#define WAL_CRC32C_TARGET __attribute__((target("crc")))
#endif

static inline uint64_t wal_load64(const uint8_t *bytes) {
    uint64_t value;
    memcpy(&value, bytes, sizeof value);
    return value;
}

uint32_t wal_crc32c_raw_portable(uint32_t raw, const uint8_t *bytes, size_t count);

#ifdef WAL_CRC32C_INSTRUCTIONS
/// Builds the tables that join interleaved streams; call once before `wal_crc32c_raw_interleaved`.
void wal_crc32c_prepare_interleaved(void);
uint32_t wal_crc32c_raw_interleaved(uint32_t raw, const uint8_t *bytes, size_t count);
#endif

#if defined(__x86_64__)
/// Needs AVX-512 F, VL and VPCLMULQDQ, and at least 64 bytes.
uint32_t wal_crc32c_raw_folded(uint32_t raw, const uint8_t *bytes, size_t count);
#endif

#endif
