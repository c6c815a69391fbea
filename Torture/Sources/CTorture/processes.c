#define _GNU_SOURCE

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "CTorture.h"

enum { report_descriptor = 3 };

int torture_start(const char *const *arguments, int report, int errors) {
    int process = fork();
    if (process != 0) {
        return process < 0 ? -errno : process;
    }
    // Nobody may be left behind when the rig is interrupted.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (dup2(errors, STDERR_FILENO) < 0 || dup2(report, report_descriptor) < 0 ||
        fcntl(report_descriptor, F_SETFD, 0) < 0) {
        _exit(126);
    }
    execv(arguments[0], (char *const *)arguments);
    _exit(127);
}

int torture_wait(int process) {
    int status;
    while (waitpid(process, &status, 0) < 0) {
        if (errno != EINTR) {
            return -errno;
        }
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int torture_has_ended(int process) {
    siginfo_t info = {0};
    // It stays for torture_wait.
    return waitid(P_PID, (id_t)process, &info, WEXITED | WNOHANG | WNOWAIT) < 0 ? -errno : info.si_pid != 0;
}

void torture_kill(int process) {
    kill(process, SIGKILL);
}

static char state_of(int process, const char *task) {
    char path[320], text[512];
    snprintf(path, sizeof path, "/proc/%d/task/%s/stat", process, task);
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t count = descriptor < 0 ? -1 : read(descriptor, text, sizeof text - 1);
    if (descriptor >= 0) {
        close(descriptor);
    }
    if (count <= 0) {
        return 'X';
    }
    text[count] = 0;
    const char *name_end = strrchr(text, ')');
    return name_end && name_end[1] ? name_end[2] : 'X';
}

static int is_stopped(int process) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task", process);
    DIR *tasks = opendir(path);
    int stopped = tasks != NULL;
    for (struct dirent *task; tasks && (task = readdir(tasks));) {
        if (task->d_name[0] != '.' && !strchr("TtZX", state_of(process, task->d_name))) {
            stopped = 0;
        }
    }
    if (tasks) {
        closedir(tasks);
    }
    return stopped;
}

int torture_stop(int process) {
    if (kill(process, SIGSTOP) < 0) {
        return -errno;
    }
    const struct timespec pause = {.tv_nsec = 100000};
    for (int attempt = 0; attempt < 50000; attempt++) {
        if (is_stopped(process)) {
            return 0;
        }
        nanosleep(&pause, NULL);
    }
    return -ETIMEDOUT;
}

int torture_poll(int descriptor, int milliseconds) {
    struct pollfd request = {.fd = descriptor, .events = POLLIN};
    int result = poll(&request, 1, milliseconds);
    return result < 0 && errno == EINTR ? 0 : result < 0 ? -errno : result;
}

int torture_pipe(int ends[2]) {
    return pipe2(ends, O_CLOEXEC) < 0 ? -errno : 0;
}
