#include "value/encoder.h"

#include <stdlib.h>
#include <string.h>

#include "value/objects.h"

enum { KEPT = 1 << 20 }; // room that an encoder keeps for its next message

// Gives an encoder's memory back. encoder: may be NULL.
void value_encoder_free(struct encoder *encoder) {
  if (!encoder) return;
  value_seen_free(&encoder->seen);
  free(encoder->references);
  buffer_free(&encoder->bytes);
  free(encoder);
}

// Takes the interpreter's encoder, or a new one while that is in use further up, for a new message.
// Raises a memory error.
struct encoder *value_encoder_take(lua_State *L) {
  struct names *names = value_names(L);
  struct encoder *e = names->spare;
  names->spare = NULL;
  if (!e) {
    e = malloc(sizeof *e);
    if (!e) luaL_error(L, "not enough memory");
    memset(e, 0, offsetof(struct encoder, frames));
  }
  e->L = L;
  e->names = names;
  e->refused = e->only_announce = false;
  e->announced = e->followed = 0;
  e->reference_count = 0;
  e->depth = 0;
  value_seen_begin(&e->seen);
  return e;
}

// Gives an encoder back, to be kept for the next message.
void value_encoder_give_back(struct encoder *e) {
  struct names *names = e->names;
  e->bytes.len = 0;
  buffer_trim(&e->bytes, KEPT);
  value_seen_trim(&e->seen);
  if (names->spare)
    value_encoder_free(e);
  else
    names->spare = e;
}

// Moves the message behind what is in `out`. Returns false when there is no memory. The encoder is
// still to be given back.
bool value_encoder_hand_over(struct encoder *e, struct buffer *out) {
  if (out->len > 0) return buffer_append(out, e->bytes.data, e->bytes.len);
  struct buffer empty = *out;
  *out = e->bytes;
  e->bytes = empty;
  return true;
}

// Takes back what a failed message has written and retained, and the encoder. Returns whether the
// message was refused: something in it can't be copied.
bool value_encoder_undo(struct encoder *e) {
  bool refused = e->refused;
  for (size_t i = 0; i < e->reference_count; i++)
    value_shared_ops()->take_back(e->references[i]);
  value_encoder_give_back(e);
  return refused;
}
