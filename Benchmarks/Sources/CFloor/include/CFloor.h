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
/// `count` events of `size` bytes that lie behind each other, under one lock.
int floor_append_batch(floor_log *log, const uint8_t *bytes, uint32_t count, uint32_t size);
int floor_flush(floor_log *log);
int floor_close(floor_log *log);

/// Called with one record; anything but 0 stops.
typedef int (*floor_visitor)(void *context, const uint8_t *bytes, uint32_t count);

/// Reads all segments with pread into a 256 KiB buffer (0) or through maps (1), checks the blocks and walks the records.
/// Returns how many there are, or -1 if one is damaged; `digest` is the sum of the first eight bytes of each.
int64_t floor_replay(const char *directory, int mapped, uint64_t *digest);
/// The same with a copy of each record in memory of its own, freed at once.
int64_t floor_replay_owned(const char *directory, uint64_t *digest);
/// Gives each record to the visitor.
int64_t floor_visit(const char *directory, floor_visitor visitor, void *context);
/// Drops the pages of every file of a directory from the page cache, after having synced them.
int floor_drop_pages(const char *directory);

/// For finding single events: all segments open, and the number of the first event of each block.
typedef struct floor_index floor_index;
floor_index *floor_index_open(const char *directory);
/// The first eight bytes of an event, counted from 0: reads its block, checks it and walks to the event.
int floor_index_find(floor_index *index, uint64_t number, uint64_t *word);
void floor_index_close(floor_index *index);

/// Durable appends into one prewritten file: pwrite and fdatasync by whichever caller finds nobody at it, for all that wait.
typedef struct floor_commit floor_commit;
floor_commit *floor_commit_open(const char *path, uint64_t size);
/// Returns when the event is on stable storage: 0, or -1.
int floor_commit_append(floor_commit *log, const void *bytes, uint32_t count);
void floor_commit_close(floor_commit *log);
/// Reads the file back; as `floor_visit`.
int64_t floor_commit_visit(const char *path, floor_visitor visitor, void *context);

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
int floor_touch_memory(uint64_t bytes);

#endif
