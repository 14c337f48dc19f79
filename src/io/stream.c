#include "io/stream.h"

#include "base/private_fd.h"
#include "base/program.h"
#include "loop/fds.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PIECE = 64 * 1024, PIECES = 16, FIRST = 1024 };

const uint8_t stream_reads[] = {READ_SOME, READ_COUNT, READ_LINE, READ_WHOLE_LINE, READ_ALL};

static _Thread_local char *piece; // PIECE bytes, what a read got last; NULL before the first
static pthread_key_t piece_key;

static void make_piece_key(void) { pthread_key_create(&piece_key, free); }

// Not a _Thread_local array: every OS thread that starts would have to clear it.
static bool have_piece(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  if (piece) return true;
  pthread_once(&once, make_piece_key);
  piece = malloc(PIECE);
  return piece && pthread_setspecific(piece_key, piece) == 0;
}

// Makes a stream of an open non-blocking descriptor, which it closes when there is no memory.
bool stream_open(struct stream *s, int fd) {
  *s = (struct stream){.fd = fd, .process = program_slot};
  if (private_fd_add(fd)) return true;
  close(fd);
  s->fd = -1;
  return false;
}

// Whether it is open, here: a forked child has none of its parent's.
bool stream_is_open(const struct stream *s) { return s->fd >= 0 && s->process == program_slot; }

// Closes it; whoever waits for it is woken. Does nothing if it is closed.
void stream_close(struct stream *s) {
  int fd = s->fd;
  bool mine = stream_is_open(s);
  s->fd = -1;
  free(s->kept);
  s->kept = NULL;
  s->start = s->size = s->cap = s->searched = 0;
  if (!mine) return;
  fds_close(loop_self->interp, fd);
  private_fd_remove(fd);
  close(fd);
}

// waiting --------------------------------------------------------------------------------------

// The attempt found nothing: waits if it is to. Returns whether the attempt is over: with an error.
static bool wait_for(struct stream *s, struct park_self *self, uint32_t events) {
  if (!self->enlist || fds_wait(loop_self->current, s->fd, events, true)) return false;
  s->error = errno;
  return true;
}

static bool over(struct stream *s, struct park_self *self, int error) {
  s->error = error;
  self->closed = !stream_is_open(s) || (error == 0 && self->closed);
  return true;
}

// reading --------------------------------------------------------------------------------------

static bool keep(struct stream *s, const char *bytes, size_t size) {
  if (s->start + s->size + size > s->cap) {
    if (s->size) memmove(s->kept, s->kept + s->start, s->size);
    s->start = 0;
  }
  if (s->size + size > s->cap) {
    size_t cap = s->cap ? s->cap : FIRST;
    while (cap < s->size + size)
      cap *= 2;
    char *kept = realloc(s->kept, cap);
    if (!kept) return false;
    s->kept = kept;
    s->cap = cap;
  }
  memcpy(s->kept + s->start + s->size, bytes, size);
  s->size += size;
  return true;
}

static bool give(struct stream *s, size_t size, size_t used) {
  s->taken = size ? s->kept + s->start : "";
  s->taken_size = size;
  s->used = used;
  return true;
}

static bool give_line(struct stream *s, bool whole) {
  const char *from = s->kept + s->start;
  const char *newline =
      s->size > s->searched ? memchr(from + s->searched, '\n', s->size - s->searched) : NULL;
  if (newline) {
    size_t line = (size_t)(newline - from);
    return give(s, whole ? line + 1 : line, line + 1);
  }
  s->searched = s->size;
  return s->ended && s->size > 0 && give(s, s->size, s->size);
}

// Whether what was read so far is what the read wants.
static bool satisfied(struct stream *s, enum stream_read what, size_t count) {
  switch (what) {
  case READ_COUNT:
    if (s->size >= count) return give(s, count, count);
    return s->ended && s->size > 0 && give(s, s->size, s->size);
  case READ_LINE:
  case READ_WHOLE_LINE:
    return give_line(s, what == READ_WHOLE_LINE);
  case READ_ALL:
    return s->ended && give(s, s->size, s->size);
  default:
    return s->size > 0 && give(s, s->size, s->size);
  }
}

// Reads a piece. Returns its size; 0 at the end; -1 with errno.
static ssize_t read_piece(struct stream *s) {
  ssize_t n;
  if (!have_piece()) return errno = ENOMEM, -1;
  do
    n = read(s->fd, piece, PIECE);
  while (n < 0 && errno == EINTR);
  if (n == 0) s->ended = true;
  if (n < 0 ? errno == EAGAIN : n < PIECE) fds_drained(s->fd, FDS_READ);
  return n;
}

// As loop_op's attempt. self->in points at what to read, self->number says how much.
bool stream_read_attempt(void *object, struct park_self *self) {
  struct stream *s = object;
  enum stream_read what = *(const uint8_t *)self->in;
  bool try = s->at_once;
  s->error = 0;
  s->at_once = false;
  if (!stream_is_open(s)) return over(s, self, 0);
  for (int pieces = 0;; pieces++) {
    if (satisfied(s, what, self->number)) return true;
    if (s->ended) return self->closed = true;
    if (!try && !fds_worth(s->fd, FDS_READ)) return wait_for(s, self, FDS_READ);
    if (pieces == PIECES) break;
    ssize_t n = read_piece(s);
    if (n < 0 && errno != EAGAIN) return over(s, self, errno);
    if (n < 0) return wait_for(s, self, FDS_READ);
    if (n > 0 && what == READ_SOME) {
      s->taken = piece;
      s->taken_size = (size_t)n;
      s->used = 0;
      return true;
    }
    if (n > 0 && !keep(s, piece, (size_t)n)) return over(s, self, ENOMEM);
  }
  if (wait_for(s, self, FDS_READ)) return true; // more is there, but others have their turn first
  if (self->enlist) fds_again(s->fd);
  return false;
}

// The result of a read has been used.
void stream_read_taken(struct stream *s) {
  s->start += s->used;
  s->size -= s->used;
  s->searched = 0;
  s->used = 0;
  if (s->size > 0 || s->cap <= FIRST) return;
  free(s->kept);
  s->kept = NULL;
  s->start = s->cap = 0;
}

// writing --------------------------------------------------------------------------------------

static void next_writer(struct stream *s, struct park_self *self) {
  s->writer = 0;
  self->entered = false;
  if (stream_is_open(s)) fds_wake(loop_self->interp, s->fd, FDS_WRITE);
}

// The message is written, or will never be.
static bool written(struct stream *s, struct park_self *self, int error) {
  if (self->entered) next_writer(s, self);
  return over(s, self, error);
}

static ssize_t write_piece(const struct stream *s, const struct park_self *self) {
  ssize_t n;
  do
    n = write(s->fd, self->in, self->number);
  while (n < 0 && errno == EINTR);
  return n;
}

// As loop_op's attempt: self->in are the bytes, self->number says how many.
bool stream_write_attempt(void *object, struct park_self *self) {
  struct stream *s = object;
  s->error = 0;
  if (!stream_is_open(s) || s->shut) return self->closed = true, written(s, self, 0);
  if (s->writer && s->writer != self->task) return wait_for(s, self, FDS_WRITE);
  if (s->at_once || fds_worth(s->fd, FDS_WRITE)) {
    ssize_t n = write_piece(s, self);
    if (n < 0 && errno != EAGAIN) return written(s, self, errno);
    if (n >= 0) self->in = (char *)self->in + n;
    if (n >= 0) self->number -= (uint64_t)n;
    if (self->number == 0) return written(s, self, 0);
    fds_drained(s->fd, FDS_WRITE);
  }
  self->entered = true;
  s->writer = self->task;
  return wait_for(s, self, FDS_WRITE) && written(s, self, s->error);
}

// As loop_op's leave: the message stays as it is, begun.
void stream_write_leave(void *object, struct park_self *self) { next_writer(object, self); }

// Sends no more. Returns 0, or an errno.
int stream_shut(struct stream *s) {
  s->shut = true;
  return shutdown(s->fd, SHUT_WR) == 0 || errno == ENOTCONN ? 0 : errno;
}
