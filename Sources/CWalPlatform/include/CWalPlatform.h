// What Swift can't see or can't do cheaply: CRC-32C in hardware, a lock and a wait word the compiler inlines, and the
// system calls that the C library hides from Swift. Every symbol begins with wal_.

#ifndef CWALPLATFORM_H
#define CWALPLATFORM_H

#include <dirent.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __APPLE__
#include <os/lock.h>
#endif

#ifdef __cplusplus
extern "C" {
#endif

// ---- CRC-32C -------------------------------------------------------------------------------------------------------

/// Extends the CRC-32C `crc` of some bytes (0 for none) to those followed by `count` more.
uint32_t wal_crc32c(uint32_t crc, const void *bytes, size_t count);

/// The same by tables alone, for processors without instructions for it; tests compare the others with it.
uint32_t wal_crc32c_portable(uint32_t crc, const void *bytes, size_t count);

/// The same by three interleaved streams of the crc32 instruction, or by tables where there is none.
uint32_t wal_crc32c_interleaved(uint32_t crc, const void *bytes, size_t count);

/// What `wal_crc32c` uses on this processor: 0 tables, 1 interleaved instructions, 2 carry-less multiplication.
int wal_crc32c_method(void);

// ---- Waiting on a word ---------------------------------------------------------------------------------------------

/// Sleeps while `*word` is `expected`. 0: woken, changed or for no reason at all; 1: `timeout_ns` (< 0 for ever) passed.
int wal_futex_wait(uint32_t *word, uint32_t expected, int64_t timeout_ns);

/// Wakes up to `count` threads that sleep on `word`.
void wal_futex_wake(uint32_t *word, uint32_t count);

static inline uint32_t wal_word_load(const uint32_t *word) {
    return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

/// Sequentially consistent, so that a waker which reads the number of waiters afterwards can't miss one that has
/// announced itself before reading the word.
static inline uint32_t wal_word_load_ordered(const uint32_t *word) {
    return __atomic_load_n(word, __ATOMIC_SEQ_CST);
}

/// Adds and returns the new value; sequentially consistent.
static inline uint32_t wal_word_add(uint32_t *word, uint32_t amount) {
    return __atomic_add_fetch(word, amount, __ATOMIC_SEQ_CST);
}

// ---- Lock ----------------------------------------------------------------------------------------------------------

#ifdef __APPLE__

typedef struct {
    os_unfair_lock lock;
} wal_lock_t;

static inline void wal_lock_init(wal_lock_t *lock) {
    lock->lock = OS_UNFAIR_LOCK_INIT;
}
static inline void wal_lock_lock(wal_lock_t *lock) {
    os_unfair_lock_lock(&lock->lock);
}
static inline bool wal_lock_trylock(wal_lock_t *lock) {
    return os_unfair_lock_trylock(&lock->lock);
}
static inline void wal_lock_unlock(wal_lock_t *lock) {
    os_unfair_lock_unlock(&lock->lock);
}

#else

/// 0: free, 1: held, 2: held and somebody may be asleep.
typedef struct {
    uint32_t state;
} wal_lock_t;

void wal_lock_lock_contended(wal_lock_t *lock);

static inline void wal_lock_init(wal_lock_t *lock) {
    lock->state = 0;
}

static inline bool wal_lock_trylock(wal_lock_t *lock) {
    uint32_t free = 0;
    return __atomic_compare_exchange_n(&lock->state, &free, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static inline void wal_lock_lock(wal_lock_t *lock) {
    if (__builtin_expect(!wal_lock_trylock(lock), 0)) {
        wal_lock_lock_contended(lock);
    }
}

static inline void wal_lock_unlock(wal_lock_t *lock) {
    if (__builtin_expect(__atomic_exchange_n(&lock->state, 0, __ATOMIC_RELEASE) == 2, 0)) {
        wal_futex_wake(&lock->state, 1);
    }
}

#endif

// ---- Fork ----------------------------------------------------------------------------------------------------------

/// How many forks lie between this process and the one that first called `wal_watch_forks`. It changes only in a child, before
/// that has a second thread: plain loads read it.
extern uint32_t wal_forks;

static inline uint32_t wal_fork_count(void) {
    return wal_forks;
}

static inline const uint32_t *wal_fork_word(void) {
    return &wal_forks;
}

/// Counts forks from now on. Any number of calls, from any thread. 0, or -errno.
int wal_watch_forks(void);

// ---- System calls: 0 or a count on success, -errno on failure --------------------------------------------------------

/// Opens a path, relative to an open directory or AT_FDCWD. The descriptor is never 0, 1 or 2, also where the program runs without
/// standard descriptors: what is printed, or a crash report, would land in the file.
int wal_open_at(int directory, const char *path, int flags, unsigned mode);

/// Another descriptor of the same open file, close-on-exec and never 0, 1 or 2.
int wal_duplicate(int descriptor);

/// Puts the working directory's path into `path`, always terminated. -ERANGE if it is longer.
int wal_working_directory(char *path, size_t capacity);

/// Reserves blocks for a range. On Linux extends the size too; on Apple systems doesn't. -EOPNOTSUPP where impossible.
int wal_allocate(int descriptor, int64_t offset, int64_t length);

/// Makes a file's data and size durable: fdatasync; F_FULLFSYNC on Apple systems.
int wal_sync_data(int descriptor);

/// Makes a file or directory wholly durable: fsync; F_FULLFSYNC on Apple systems.
int wal_sync_all(int descriptor);

/// Brings mapped pages into memory: MADV_POPULATE_READ, or MADV_WILLNEED on kernels and systems without it.
int wal_populate_read(void *address, size_t length);

/// The next range of a file, from an offset on, outside of which the file system knows all to be zeros. -ENXIO if there is
/// none; -EOPNOTSUPP where the file system can't tell, or is not known never to take data in memory for a hole.
int wal_next_data(int descriptor, int64_t offset, int64_t *start, int64_t *end);

/// Puts the next names of a directory, without "." and "..", into `bytes`: one behind the other, each behind its length in two
/// bytes, the lower one first. Returns how many bytes that took, 0 behind the last name, -errno on failure. `capacity` must be
/// 2 KiB or more.
int wal_pack_names(DIR *directory, void *bytes, size_t capacity, size_t *count);

/// How many processors this process may use; 0 if the system doesn't say.
int wal_processor_count(void);

/// Fills `bytes` from the system's random source.
int wal_random(void *bytes, size_t count);

/// Puts the text for an error number into `text`, always terminated.
void wal_describe_error(int number, char *text, size_t capacity);

/// Starts a thread that takes no signals of the program's, so that handlers run on the program's own threads.
int wal_thread_start(pthread_t *thread, void *(*body)(void *), void *context);

/// Names the calling thread, for debuggers; cut to what the system allows.
void wal_thread_set_name(const char *name);

#ifdef __cplusplus
}
#endif

#endif
