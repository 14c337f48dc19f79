#include "base/buffer.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

// Enlarges the buffer so that `more` bytes fit behind those written, at least to twice its size;
// buffer_reserve() is the one to call. Returns false when there is no memory; nothing changes then.
bool buffer_grow(struct buffer *buffer, size_t more) {
  size_t cap = buffer->cap < 64 ? 64 : buffer->cap;
  if (more > SIZE_MAX / 2 - buffer->len) return false;
  while (cap < buffer->len + more)
    cap *= 2;
  unsigned char *data = realloc(buffer->data, cap);
  if (!data) return false;
  buffer->data = data;
  buffer->cap = cap;
  return true;
}

// Writes `len` bytes behind those written. Returns false when there is no memory.
bool buffer_append(struct buffer *buffer, const void *bytes, size_t len) {
  if (!buffer_reserve(buffer, len)) return false;
  if (len > 0) memcpy(buffer->data + buffer->len, bytes, len);
  buffer->len += len;
  return true;
}

// Gives the memory back; the buffer is empty afterwards and may be used again.
void buffer_free(struct buffer *buffer) {
  free(buffer->data);
  *buffer = (struct buffer){0};
}

// The same for one that has room for more than `most` bytes: what a rare large message left.
void buffer_trim(struct buffer *buffer, size_t most) {
  if (buffer->cap > most) buffer_free(buffer);
}
