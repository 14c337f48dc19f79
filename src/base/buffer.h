// A byte buffer that grows: what messages are written into. Plain memory of its owner (malloc), not
// locked, all zero when empty. Stands on the C library only.
#ifndef HEDDLE_BASE_BUFFER_H
#define HEDDLE_BASE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

struct buffer {
  unsigned char *data; // NULL until something was reserved
  size_t len;          // bytes written
  size_t cap;          // bytes there is room for
};

bool buffer_grow(struct buffer *buffer, size_t more);
bool buffer_append(struct buffer *buffer, const void *bytes, size_t len);
void buffer_free(struct buffer *buffer);
void buffer_trim(struct buffer *buffer, size_t most);

// Makes room for `more` bytes behind those written; false: no memory, the buffer is as it was.
static inline bool buffer_reserve(struct buffer *buffer, size_t more) {
  return buffer->cap - buffer->len >= more || buffer_grow(buffer, more);
}

#endif
