// Waiting for descriptors. Each loop that needs it has an epoll set, in which its bell stands too.
// A descriptor is watched in one of two ways: for once, armed anew for each wait, which suits any
// descriptor (the terminal, a pipe, what a library owns); or at its edges, registered until it is
// closed by watch_close, which costs nothing per wait and suits sockets of our own. Tasks of
// several OS threads may wait for one descriptor, each in its own loop's set. All under the GIL but
// watch_sleep. Stands on: loop, base.
#ifndef HEDDLE_LOOP_WATCH_H
#define HEDDLE_LOOP_WATCH_H

#include "loop/loop.h"

enum watch_event { WATCH_READ = 1, WATCH_WRITE = 4 }; // as EPOLLIN and EPOLLOUT

bool watch_wait(struct task *task, int fd, uint32_t events, bool edge);
bool watch_worth(int fd, uint32_t events);
void watch_drained(int fd, uint32_t events);
void watch_leave(struct task *task);
void watch_wake(struct interp *interp, int fd, uint32_t events);
void watch_close(struct interp *interp, int fd);

bool watch_needed(const struct loop *loop);
bool watch_waited_for(const struct loop *loop);
bool watch_add_source(struct loop *loop, int fd);
void watch_sleep(struct loop *loop, int64_t deadline);
bool watch_dispatch(struct loop *loop);
bool watch_now(struct loop *loop);
void watch_free(struct loop *loop);

#endif
