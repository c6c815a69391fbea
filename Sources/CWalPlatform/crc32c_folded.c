// CRC-32C by carry-less multiplication: four 64-byte registers are each advanced over 256 bytes and added to the next
// 256, and at the end folded into one 16-byte register that the crc32 instruction reduces.
//
// Advancing a 128-bit value by d bits multiplies its low half by x^(d+31) and its high half by x^(d-33) modulo the
// polynomial, bits reversed; those are the constants below.

#include "crc32c_internal.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define FOLD_TARGET __attribute__((target("sse4.2,pclmul,avx512f,avx512vl,vpclmulqdq")))

#define LOW_128 0xf20c0dfe
#define HIGH_128 0x493c7d27
#define LOW_256 0x3da6d0cb
#define HIGH_256 0xba4fc28e
#define LOW_384 0x1c291d04
#define HIGH_384 0xddc0152b
#define LOW_512 0x740eef02
#define HIGH_512 0x9e4addf8
#define LOW_1024 0x6992cea2
#define HIGH_1024 0xd3b6092
#define LOW_1536 0xa87ab8a8
#define HIGH_1536 0xab7aff2a
#define LOW_2048 0xdcb17aa4
#define HIGH_2048 0xb9e02b86

#define EVERY_LANE(low, high) _mm512_set_epi64(high, low, high, low, high, low, high, low)

/// `value` advanced by the distance of `constants`, plus `next`.
FOLD_TARGET static inline __m512i fold(__m512i value, __m512i constants, __m512i next) {
    __m512i low = _mm512_clmulepi64_epi128(value, constants, 0x00);
    __m512i high = _mm512_clmulepi64_epi128(value, constants, 0x11);
    return _mm512_ternarylogic_epi64(low, high, next, 0x96);
}

/// The register after the 64 bytes in `value`: the first three lanes are advanced to the last.
FOLD_TARGET static inline uint32_t reduce(__m512i value) {
    const __m512i constants = _mm512_set_epi64(0, 0, HIGH_128, LOW_128, HIGH_256, LOW_256, HIGH_384, LOW_384);
    __m512i lanes = fold(value, constants, _mm512_setzero_si512());
    __m128i sum = _mm_xor_si128(
        _mm_xor_si128(_mm512_extracti32x4_epi32(lanes, 0), _mm512_extracti32x4_epi32(lanes, 1)),
        _mm_xor_si128(_mm512_extracti32x4_epi32(lanes, 2), _mm512_extracti32x4_epi32(value, 3)));
    uint64_t raw = _mm_crc32_u64(0, (uint64_t)_mm_extract_epi64(sum, 0));
    return (uint32_t)_mm_crc32_u64(raw, (uint64_t)_mm_extract_epi64(sum, 1));
}

FOLD_TARGET uint32_t wal_crc32c_raw_folded(uint32_t raw, const uint8_t *bytes, size_t count) {
    const __m512i by_512 = EVERY_LANE(LOW_512, HIGH_512);
    const uint8_t *end = bytes + count;
    __m512i start = _mm512_zextsi128_si512(_mm_cvtsi32_si128((int)raw));
    __m512i sum = _mm512_xor_si512(_mm512_loadu_si512(bytes), start);
    bytes += 64;
    if (end - bytes >= 192) {
        const __m512i by_2048 = EVERY_LANE(LOW_2048, HIGH_2048);
        __m512i second = _mm512_loadu_si512(bytes);
        __m512i third = _mm512_loadu_si512(bytes + 64);
        __m512i fourth = _mm512_loadu_si512(bytes + 128);
        for (bytes += 192; end - bytes >= 256; bytes += 256) {
            sum = fold(sum, by_2048, _mm512_loadu_si512(bytes));
            second = fold(second, by_2048, _mm512_loadu_si512(bytes + 64));
            third = fold(third, by_2048, _mm512_loadu_si512(bytes + 128));
            fourth = fold(fourth, by_2048, _mm512_loadu_si512(bytes + 192));
        }
        fourth = fold(sum, EVERY_LANE(LOW_1536, HIGH_1536), fourth);
        fourth = fold(second, EVERY_LANE(LOW_1024, HIGH_1024), fourth);
        sum = fold(third, by_512, fourth);
    }
    for (; end - bytes >= 64; bytes += 64) {
        sum = fold(sum, by_512, _mm512_loadu_si512(bytes));
    }
    return wal_crc32c_raw_interleaved(reduce(sum), bytes, (size_t)(end - bytes));
}

#endif
