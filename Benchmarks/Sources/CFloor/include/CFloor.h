// The floor: the least a log of this shape can cost. 64 KiB page-aligned blocks filled under a short lock, four bytes of
// length per record, one fast CRC per block; no index, no metadata, no recovery. Not a product, a yardstick.
#ifndef CFLOOR_H
#define CFLOOR_H

#include <stddef.h>
#include <stdint.h>

typedef struct floor_log floor_log;

/// How the files of the floor are made: 0 growing, 1 allocated, 2 filled with zeros before.
floor_log *floor_open(const char *directory, uint64_t segment_size, int preparation);
/// Prepares the segments for this many bytes, outside the time that is measured.
int floor_prepare(floor_log *log, uint64_t bytes);
int floor_append(floor_log *log, const void *bytes, uint32_t count);
int floor_flush(floor_log *log);
void floor_close(floor_log *log);

/// Reads all segments with pread into a 256 KiB buffer, checks the blocks and walks the records. Returns how many there
/// are, or -1 if one is damaged; `digest` is the sum of the first eight bytes of each.
int64_t floor_replay(const char *directory, uint64_t *digest);

/// A monotonic clock, in nanoseconds.
uint64_t floor_now(void);

/// Hands `count` numbers from one thread to another, each after a pause, over `hops` futexes (one thread more for each), and
/// notes for each how many nanoseconds after its sending it arrived. Returns 0, or -1 if a thread could not be started.
int floor_handoff(uint32_t count, uint64_t pause_nanoseconds, int hops, uint64_t *latencies);

/// Unpacks every zstd frame of a file into one buffer, block after block, with libzstd alone and no other work; the file is read with
/// one call per frame. Returns the bytes unpacked, or -1.
int64_t floor_unpack(const char *path);

/// Processor seconds that this process has used.
double floor_processor_seconds(void);

/// Touches and frees memory, so that the host has given it to this machine before a run that fills the page cache.
void floor_touch_memory(uint64_t bytes);

#endif
