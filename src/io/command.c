#include "io/command.h"

#include "base/private_fd.h"
#include "base/program.h"
#include "loop/fds.h"

#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PIECE = 65536, TURNS = 32 };

static void close_fd(int *fd) {
  if (*fd < 0) return;
  private_fd_remove(*fd);
  close(*fd);
  *fd = -1;
}

static bool add(const struct command *c, int fd, uint32_t events) {
  struct epoll_event event = {.events = events, .data.fd = fd};
  return fd < 0 || epoll_ctl(c->set, EPOLL_CTL_ADD, fd, &event) == 0;
}

static bool watch(struct command *c) {
  c->set = epoll_create1(EPOLL_CLOEXEC);
  c->pidfd = (int)syscall(SYS_pidfd_open, c->pid, 0);
  return c->set >= 0 && c->pidfd >= 0 && private_fd_add(c->set) && private_fd_add(c->pidfd) &&
         add(c, c->pidfd, EPOLLIN) && add(c, c->pipes[0], EPOLLOUT) &&
         add(c, c->pipes[1], EPOLLIN) && add(c, c->pipes[2], EPOLLIN);
}

// Starts a program. The input must live as long as the command. Returns 0, or an errno.
int command_start(struct command *c, struct spawn *spawn, const char *input, size_t size) {
  int error = spawn_start(spawn);
  if (error) return error;
  c->pid = spawn->pid;
  c->group = spawn->group;
  c->process = program_slot;
  c->input = input;
  c->left = size;
  for (int i = 0; i < 3; i++)
    c->pipes[i] = spawn->pipes[i];
  if (c->left == 0) close_fd(&c->pipes[0]);
  if (watch(c)) return 0;
  error = errno;
  command_kill(c, SIGKILL);
  command_close(c);
  return error;
}

static bool again(void) { return errno == EAGAIN || errno == EINTR; }

// What it does not read any more is nobody's fault.
static void feed(struct command *c) {
  ssize_t n = write(c->pipes[0], c->input, c->left);
  if (n > 0) {
    c->input += n;
    c->left -= (size_t)n;
  }
  if (c->left == 0 || (n < 0 && !again())) close_fd(&c->pipes[0]);
}

static void take(struct command *c, int i) {
  struct buffer *text = &c->texts[i - 1];
  ssize_t n = 0;
  if (!buffer_reserve(text, PIECE))
    c->error = ENOMEM;
  else
    n = read(c->pipes[i], text->data + text->len, PIECE);
  if (n > 0) text->len += (size_t)n;
  if (n == 0 || (n < 0 && !again())) close_fd(&c->pipes[i]);
}

static void see_exit(struct command *c) {
  siginfo_t info = {0};
  if (waitid(P_PID, (id_t)c->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == 0)
    return;
  c->exited = true;
  c->how = info.si_code;
  c->status = info.si_status;
  close_fd(&c->pidfd);
}

static void serve(struct command *c, int fd) {
  if (fd == c->pidfd)
    see_exit(c);
  else if (fd == c->pipes[0])
    feed(c);
  else
    take(c, fd == c->pipes[1] ? 1 : 2);
}

static bool work(struct command *c) {
  struct epoll_event events[4];
  int n = epoll_wait(c->set, events, 4, 0);
  for (int i = 0; i < n; i++)
    serve(c, events[i].data.fd);
  return n > 0;
}

// As loop_op's attempt: whether it has ended and everything it wrote is in.
bool command_attempt(void *object, struct park_self *self) {
  struct command *c = object;
  for (int turn = 0; turn < TURNS && work(c); turn++) {
  }
  if (c->error || (c->exited && c->pipes[1] < 0 && c->pipes[2] < 0)) return true;
  if (!self->enlist || fds_wait(loop_self->current, c->set, FDS_READ, false)) return false;
  c->error = errno;
  return true;
}

// Sends a signal to it and its group.
void command_kill(struct command *c, int signal) {
  if (c->pid > 0 && c->process == program_slot) kill(c->group ? -c->pid : c->pid, signal);
}

// Gives everything back; one that still runs is killed first, or waited for. Does nothing twice.
void command_close(struct command *c) {
  siginfo_t info;
  if (c->pid <= 0) return;
  bool mine = c->process == program_slot;
  if (mine && !c->exited && !c->patient) command_kill(c, SIGKILL);
  while (mine && waitid(P_PID, (id_t)c->pid, &info, WEXITED) != 0 && errno == EINTR) {
  }
  c->pid = 0;
  for (int i = 0; mine && i < 3; i++)
    close_fd(&c->pipes[i]);
  if (mine) close_fd(&c->pidfd);
  if (mine) close_fd(&c->set);
  buffer_free(&c->texts[0]);
  buffer_free(&c->texts[1]);
}
