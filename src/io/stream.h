// Streams: connected sockets and pipes, non-blocking, read and written by tasks. What a read leaves
// over stays in a buffer for the next one. Several tasks may read and write one stream; a message
// is written whole before another one begins. Under the GIL. Stands on loop/fds, park.
#ifndef HEDDLE_IO_STREAM_H
#define HEDDLE_IO_STREAM_H

#include "loop/park.h"

#include <stdint.h>
#include <sys/types.h>

enum stream_read { READ_SOME, READ_COUNT, READ_LINE, READ_WHOLE_LINE, READ_ALL };

struct stream {
  int fd;             // -1: closed
  int error;          // errno of the last attempt, 0: none
  bool ended;         // the other side sends no more
  bool shut;          // this side sends no more
  bool at_once;       // the next attempt tries, whatever is known of the descriptor
  uint32_t process;   // slot of the process it belongs to
  uint32_t writer;    // id of the task in the middle of a message, 0: none
  char *kept;         // what was read and not yet taken
  size_t start, size; // the part of it that is left
  size_t cap;
  size_t searched;   // bytes of it that hold no newline
  const char *taken; // result of an attempt to read
  size_t taken_size;
  size_t used; // bytes of `kept` that the result takes
};

extern const uint8_t
    stream_reads[]; // what park_self.in of a read points at: one of enum stream_read

bool stream_open(struct stream *stream, int fd);
void stream_close(struct stream *stream);
bool stream_is_open(const struct stream *stream);
bool stream_read_attempt(void *object, struct park_self *self);
void stream_read_taken(struct stream *stream);
bool stream_write_attempt(void *object, struct park_self *self);
void stream_write_leave(void *object, struct park_self *self);
int stream_shut(struct stream *stream);

#endif
