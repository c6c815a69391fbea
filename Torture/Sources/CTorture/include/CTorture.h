// Processes, mounts and controls, as the rigs need them. All return a negative error number on failure. Linux only.
#pragma once

#include <stddef.h>
#include <stdint.h>

// Starts a program, found by its path, with `report` as its descriptor 3 and `errors` as its standard error.
int torture_start(const char *const *arguments, int report, int errors);
// Waits for it; returns its exit code, or 128 and the signal's number.
int torture_wait(int process);
// Returns whether it has ended, at once.
int torture_has_ended(int process);
void torture_kill(int process);
// Stops all its threads, and returns once they have.
int torture_stop(int process);

// Waits until there is something to read, or for so long; returns whether there is.
int torture_poll(int descriptor, int milliseconds);
// A pipe that children don't inherit unless they are given it.
int torture_pipe(int ends[2]);

int torture_mount(const char *device, const char *folder, const char *type);
int torture_unmount(const char *folder);
// Puts a file under a loop device, instead of the one that was.
int torture_attach(const char *device, const char *file);
// Shuts a mounted file system down as a power cut would, without writing its journal out.
int torture_shut_down(const char *folder);

// Sets, or reads, an extended attribute, by which our file systems are controlled.
int torture_command(const char *folder, const char *attribute, const char *text);
int torture_status(const char *folder, const char *attribute, char *text, size_t capacity);

// Limits on this process: the size of files, with its signal ignored or not, and the number of descriptors.
int torture_limit_file_size(uint64_t bytes, int ignores_signal);
int torture_limit_descriptors(uint64_t count);
