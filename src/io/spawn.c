#include "io/spawn.h"

#include "base/private_fd.h"
#include "worker/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ABOVE_STANDARD = 3 };

struct failure {
  int error;
  bool in_cwd;
};

// the child's side -----------------------------------------------------------------------------

static _Noreturn void give_up(int report, bool in_cwd) {
  struct failure failure = {errno, in_cwd};
  if (write(report, &failure, sizeof failure) < 0) _exit(126);
  _exit(127);
}

static void reset_signals(void) {
  struct sigaction usual = {.sa_handler = SIG_DFL};
  sigset_t none;
  for (int number = 1; number < NSIG; number++)
    sigaction(number, &usual, NULL);
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
}

// Between vfork and exec: touches nothing of the parent's memory.
static _Noreturn void become(const struct spawn *s, const int *files, int report) {
  if (s->group) setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  reset_signals();
  for (int i = 0; i < 3; i++)
    if (files[i] >= 0 && dup2(files[i], i) < 0) give_up(report, false);
  syscall(SYS_close_range, ABOVE_STANDARD, UINT_MAX, CLOSE_RANGE_CLOEXEC); // what we inherited, too
  if (s->cwd && chdir(s->cwd) != 0) give_up(report, true);
  execvpe(s->argv[0], s->argv, s->envp ? s->envp : environ);
  give_up(report, false);
}

// the parent's side ----------------------------------------------------------------------------

static void close_one(int *fd) {
  if (*fd >= 0) close(*fd);
  *fd = -1;
}

// A descriptor that can't be taken for one of the standard three.
static int above(int fd) {
  if (fd < 0 || fd >= ABOVE_STANDARD) return fd;
  int higher = fcntl(fd, F_DUPFD_CLOEXEC, ABOVE_STANDARD);
  close(fd);
  return higher;
}

static bool open_pipe(struct spawn *s, int *files, int i) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return false;
  int mine = above(ends[i == 0]), theirs = above(ends[i != 0]);
  s->pipes[i] = mine;
  files[i] = theirs;
  return mine >= 0 && theirs >= 0 && fcntl(mine, F_SETFL, O_NONBLOCK) == 0 && private_fd_add(mine);
}

static bool open_files(struct spawn *s, int *files) {
  for (int i = 0; i < 3; i++) {
    if (s->files[i] == SPAWN_PIPE && !open_pipe(s, files, i)) return false;
    if (s->files[i] != SPAWN_NULL) continue;
    files[i] = above(open("/dev/null", (i == 0 ? O_RDONLY : O_WRONLY) | O_CLOEXEC));
    if (files[i] < 0) return false;
  }
  return true;
}

static pid_t fork_and_exec(const struct spawn *s, const int *files, int report) {
  sigset_t all, old;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &old);
  pid_t pid = vfork();
  if (pid == 0) become(s, files, report);
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  return pid;
}

static int run(struct spawn *s, const int *files) {
  int report[2];
  struct failure failure;
  if (pipe2(report, O_CLOEXEC) != 0) return errno;
  report[1] = above(report[1]);
  s->pid = fork_and_exec(s, files, report[1]);
  int error = s->pid < 0 ? errno : 0;
  close(report[1]);
  if (s->pid > 0 && read(report[0], &failure, sizeof failure) == sizeof failure) {
    waitpid(s->pid, NULL, 0);
    s->in_cwd = failure.in_cwd;
    error = failure.error;
  }
  close(report[0]);
  return error;
}

static void close_ours(struct spawn *s) {
  for (int i = 0; i < 3; i++) {
    if (s->pipes[i] >= 0) private_fd_remove(s->pipes[i]);
    close_one(&s->pipes[i]);
  }
}

// Starts the program. Returns 0, or an errno; then nothing is left open. Behind the gate: a child
// forked meanwhile would keep the other ends open.
int spawn_start(struct spawn *s) {
  int files[3] = {-1, -1, -1};
  s->pid = -1;
  s->in_cwd = false;
  for (int i = 0; i < 3; i++)
    s->pipes[i] = -1;
  gate_enter();
  int error = open_files(s, files) ? run(s, files) : errno;
  for (int i = 0; i < 3; i++)
    close_one(&files[i]);
  gate_leave();
  if (error) close_ours(s);
  return error;
}
