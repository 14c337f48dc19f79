// Inside of the encoder that the rest of the room needs: its memory, and the slow
// search for what can't be copied. Stands on names.h.
#ifndef HEDDLE_VALUE_ENCODE_H
#define HEDDLE_VALUE_ENCODE_H

#include <lua.h>
#include <stdbool.h>
#include <stdint.h>

#include "value/names.h"

void value_encoder_free(struct encoder *encoder);
int value_refuse(lua_State *L, int first, int count, const char *root);

#endif
