#include "loop/fds.h"

#include "base/clock.h"
#include "base/program.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { AT_ONCE = 64, FIRST_FDS = 32 };
static const uint32_t EDGES = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;

struct watched {
  struct task *first, *last; // waiting, linked by `next`
  uint8_t ready;             // edge: what may be worth a try
  uint8_t lasting;           // edge: what is for good: the other side has closed
  bool edge, added;
};

struct fds {
  int epoll;
  int found;        // events of the last look
  int cap;          // of the table
  uint32_t waiting; // tasks
  struct watched **by_fd;
  struct epoll_event events[AT_ONCE];
};

// the set --------------------------------------------------------------------------------------

static bool open_bell(struct loop *loop, int epoll) {
  struct epoll_event event = {.events = EPOLLIN};
  if (pipe2(loop->bell_pipe, O_CLOEXEC | O_NONBLOCK) != 0) return false;
  event.data.fd = loop->bell_pipe[0];
  program_seat(loop->seat)->bell_fd = loop->bell_pipe[1];
  return epoll_ctl(epoll, EPOLL_CTL_ADD, event.data.fd, &event) == 0;
}

static struct fds *open_set(struct loop *loop) {
  if (loop->fds) return loop->fds;
  struct fds *w = calloc(1, sizeof *w);
  if (!w) return NULL;
  w->epoll = epoll_create1(EPOLL_CLOEXEC);
  if (w->epoll < 0 || !open_bell(loop, w->epoll)) {
    int error = errno;
    if (w->epoll >= 0) close(w->epoll);
    free(w);
    return errno = error, NULL;
  }
  return loop->fds = w;
}

static struct watched *find(const struct loop *loop, int fd) {
  const struct fds *w = loop->fds;
  return w && fd < w->cap ? w->by_fd[fd] : NULL;
}

static struct watched *find_or_make(struct fds *w, int fd) {
  if (fd >= w->cap) {
    int cap = w->cap ? w->cap : FIRST_FDS;
    while (cap <= fd)
      cap *= 2;
    struct watched **by_fd = realloc(w->by_fd, (size_t)cap * sizeof(struct watched *));
    if (!by_fd) return NULL;
    memset(by_fd + w->cap, 0, (size_t)(cap - w->cap) * sizeof(struct watched *));
    w->by_fd = by_fd;
    w->cap = cap;
  }
  if (!w->by_fd[fd]) w->by_fd[fd] = calloc(1, sizeof(struct watched));
  return w->by_fd[fd];
}

// A descriptor may have been closed, and its number used anew, without our knowing: what the kernel
// has decides.
static bool set_events(const struct fds *w, struct watched *watch, int fd, uint32_t events) {
  struct epoll_event event = {.events = events, .data.fd = fd};
  int first = watch->added ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
  int second = watch->added ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
  watch->added =
      epoll_ctl(w->epoll, first, fd, &event) == 0 ||
      ((errno == ENOENT || errno == EEXIST) && epoll_ctl(w->epoll, second, fd, &event) == 0);
  return watch->added;
}

static uint32_t wanted(const struct watched *watch) {
  uint32_t events = 0;
  for (const struct task *t = watch->first; t; t = t->next)
    events |= t->watch_for;
  return events;
}

static bool arm(const struct fds *w, struct watched *watch, int fd, uint32_t events, bool edge) {
  if (!edge) {
    watch->edge = false;
    return set_events(w, watch, fd, events | EPOLLONESHOT);
  }
  if (watch->edge && watch->added) return true;
  watch->edge = true;
  watch->ready = watch->lasting = 0; // the first look tells
  return set_events(w, watch, fd, EDGES);
}

// waiting --------------------------------------------------------------------------------------

// Makes the running task, which is about to be suspended, wait in this thread's loop until the
// descriptor is ready for one of the events (of enum fds_event). Returns false with errno set
// when it can't be waited for; EPERM: a regular file, which is always ready.
bool fds_wait(struct task *task, int fd, uint32_t events, bool edge) {
  struct fds *w = open_set(loop_self);
  struct watched *watch = w ? find_or_make(w, fd) : NULL;
  if (!watch) return errno = errno ? errno : ENOMEM, false;
  if (!arm(w, watch, fd, events | wanted(watch), edge)) return false;
  task->watch = watch;
  task->watch_for = (uint8_t)events;
  task->next = NULL;
  if (watch->last)
    watch->last->next = task;
  else
    watch->first = task;
  watch->last = task;
  w->waiting++;
  return true;
}

// Whether trying makes sense: false for a descriptor watched at its edges that was drained and has
// not been heard of since.
bool fds_worth(int fd, uint32_t events) {
  const struct watched *watch = find(loop_self, fd);
  return !watch || !watch->edge || !watch->added || (watch->ready & events);
}

// Notes that a try found nothing (more): the next event tells.
void fds_drained(int fd, uint32_t events) {
  struct watched *watch = find(loop_self, fd);
  if (watch) watch->ready &= (uint8_t)(~events | watch->lasting);
}

// There is more than was taken: whoever waits for the descriptor in this loop hears of it again.
void fds_again(int fd) {
  struct watched *watch = find(loop_self, fd);
  if (watch && watch->edge) set_events(loop_self->fds, watch, fd, EDGES);
}

// The task waits for its descriptor no more.
void fds_leave(struct task *task) {
  struct watched *watch = task->watch;
  struct task **link = &watch->first, *before = NULL;
  task->watch = NULL;
  while (*link != task) {
    before = *link;
    link = &before->next;
  }
  *link = task->next;
  if (watch->last == task) watch->last = before;
  task->loop->fds->waiting--;
}

static void wake(struct watched *watch, uint32_t events) {
  struct task *next;
  for (struct task *task = watch->first; task; task = next) {
    next = task->next;
    if (task->watch_for & events) loop_ready(task->loop, task);
  }
}

// Lets the tasks of an interpreter that wait for the descriptor try again.
void fds_wake(struct interp *interp, int fd, uint32_t events) {
  for (struct loop *loop = interp->loops; loop; loop = loop->next) {
    struct watched *watch = find(loop, fd);
    if (!watch || !watch->first) continue;
    wake(watch, events);
    if (loop != loop_self) program_ring(loop->seat);
  }
}

// To be called before a descriptor of ours is closed: takes it out of every set, also where a
// forked child keeps it open, and wakes who waits for it.
void fds_close(struct interp *interp, int fd) {
  fds_wake(interp, fd, FDS_READ | FDS_WRITE);
  for (struct loop *loop = interp->loops; loop; loop = loop->next) {
    struct watched *watch = find(loop, fd);
    if (!watch) continue;
    if (watch->added) epoll_ctl(loop->fds->epoll, EPOLL_CTL_DEL, fd, NULL);
    watch->added = watch->edge = false;
  }
}

// the loop's side ------------------------------------------------------------------------------

// Whether the loop has to look at descriptors while it sleeps.
bool fds_needed(const struct loop *loop) {
  return loop->fds && (loop->fds->waiting > 0 || loop->uv);
}

// Whether tasks wait for descriptors.
bool fds_waited_for(const struct loop *loop) { return loop->fds && loop->fds->waiting > 0; }

// Adds a descriptor that only ends the loop's sleep when it can be read.
bool fds_add_source(struct loop *loop, int fd) {
  struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
  struct fds *w = open_set(loop);
  return w && epoll_ctl(w->epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

static int wait_exactly(struct fds *w, int64_t left) {
  struct timespec t = {left / 1000000000, left % 1000000000};
  int n = epoll_pwait2(w->epoll, w->events, AT_ONCE, left < 0 ? NULL : &t, NULL);
  if (n >= 0 || errno != ENOSYS) return n;
  int64_t milliseconds = (left + 999999) / 1000000; // a kernel before 5.11
  return epoll_wait(w->epoll, w->events, AT_ONCE, left < 0 ? -1 : (int)milliseconds);
}

// Sleeps until a watched descriptor is ready, the bell rings or the deadline. Without the GIL.
void fds_sleep(struct loop *loop, int64_t deadline) {
  int64_t left = deadline == CLOCK_NEVER ? -1 : deadline - clock_now();
  int n = wait_exactly(loop->fds, left < 0 && deadline != CLOCK_NEVER ? 0 : left);
  loop->fds->found = n < 0 ? 0 : n;
}

static void empty_bell(const struct loop *loop) {
  char bytes[64];
  while (read(loop->bell_pipe[0], bytes, sizeof bytes) > 0) {
  }
}

static void ready(const struct loop *loop, int fd, uint32_t events) {
  struct watched *watch = find(loop, fd);
  uint32_t what = 0;
  if (fd == loop->bell_pipe[0]) empty_bell(loop);
  if (!watch) return;
  if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) what |= FDS_READ;
  if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) what |= FDS_WRITE;
  watch->ready |= (uint8_t)what;
  if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) watch->lasting |= FDS_READ;
  if (events & (EPOLLHUP | EPOLLERR)) watch->lasting |= FDS_WRITE;
  wake(watch, what);
  if (!watch->edge && watch->first) arm(loop->fds, watch, fd, wanted(watch), false);
}

// Makes ready the tasks whose descriptors were found ready. Returns whether there was anything.
bool fds_dispatch(struct loop *loop) {
  struct fds *w = loop->fds;
  int n = w->found;
  w->found = 0;
  for (int i = 0; i < n; i++)
    ready(loop, w->events[i].data.fd, w->events[i].events);
  return n > 0;
}

// Looks without sleeping and makes ready what is. Returns whether there was anything.
bool fds_now(struct loop *loop) {
  struct fds *w = loop->fds;
  int n = epoll_wait(w->epoll, w->events, AT_ONCE, 0);
  w->found = n < 0 ? 0 : n;
  return fds_dispatch(loop);
}

// Closes the loop's set and its bell's pipe. In a forked child it leaves the parent's registrations
// alone.
void fds_free(struct loop *loop) {
  struct fds *w = loop->fds;
  if (!w) return;
  for (int fd = 0; fd < w->cap; fd++)
    free(w->by_fd[fd]);
  free(w->by_fd);
  close(w->epoll);
  free(w);
  loop->fds = NULL;
  close(loop->bell_pipe[0]);
  close(loop->bell_pipe[1]);
  loop->bell_pipe[0] = loop->bell_pipe[1] = -1;
}
