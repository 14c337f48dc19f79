// Waiting for descriptors. Each loop that needs it has an epoll set, in which its bell stands too.
// A descriptor is watched in one of two ways: for once, armed anew for each wait, which suits any
// descriptor (the terminal, a pipe, what a library owns); or at its edges, registered until it is
// closed by fds_close, which costs nothing per wait and suits sockets of our own. Tasks of
// several OS threads may wait for one descriptor, each in its own loop's set. All under the GIL but
// fds_sleep. Stands on: loop, base.
#ifndef HEDDLE_LOOP_FDS_H
#define HEDDLE_LOOP_FDS_H

#include "loop/loop.h"

enum fds_event { FDS_READ = 1, FDS_WRITE = 4 }; // as EPOLLIN and EPOLLOUT

bool fds_wait(struct task *task, int fd, uint32_t events, bool edge);
bool fds_worth(int fd, uint32_t events);
void fds_drained(int fd, uint32_t events);
void fds_again(int fd);
void fds_leave(struct task *task);
void fds_wake(struct interp *interp, int fd, uint32_t events);
void fds_close(struct interp *interp, int fd);

bool fds_needed(const struct loop *loop);
bool fds_waited_for(const struct loop *loop);
bool fds_add_source(struct loop *loop, int fd);
void fds_sleep(struct loop *loop, int64_t deadline);
bool fds_dispatch(struct loop *loop);
bool fds_now(struct loop *loop);
void fds_free(struct loop *loop);

#endif
