#include "CFloor.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

static uint32_t word(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

int64_t floor_unpack(const char *path) {
    int fd = open(path, O_RDONLY);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) != 0) return -1;
    uint8_t tail[9];
    int64_t total = -1;
    uint8_t *table = NULL, *packed = NULL, *raw = NULL;
    ZSTD_DCtx *context = ZSTD_createDCtx();
    if (pread(fd, tail, 9, status.st_size - 9) != 9 || word(tail + 5) != 0x8F92EAB1) goto end;
    uint32_t count = word(tail);
    table = malloc((size_t)count * 8);
    if (pread(fd, table, (size_t)count * 8, status.st_size - 9 - (off_t)count * 8) != (ssize_t)count * 8) goto end;
    uint32_t most = 0, largest = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (word(table + i * 8) > most) most = word(table + i * 8);
        if (word(table + i * 8 + 4) > largest) largest = word(table + i * 8 + 4);
    }
    packed = malloc(most);
    raw = malloc(largest);
    off_t offset = 0;
    int64_t sum = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t size = word(table + i * 8);
        if (pread(fd, packed, size, offset) != (ssize_t)size) goto end;
        size_t got = ZSTD_decompressDCtx(context, raw, largest, packed, size);
        if (ZSTD_isError(got)) goto end;
        sum += (int64_t)got;
        offset += size;
    }
    total = sum;
end:
    ZSTD_freeDCtx(context);
    free(table);
    free(packed);
    free(raw);
    close(fd);
    return total;
}
