// The codec: Lua values to bytes and back, between the interpreters of one program. A message holds
// some values with all that they refer to; heddle's own objects travel in it as counted references.
// Neither direction recurses on the C stack, and no byte of a message is trusted. How a message is
// laid out: wire.h. Stands on base/buffer and Lua.
//
// A refusal names the path of what can't be copied: `can't copy args[2].conn: userdata`. Steps are
// `.name`, `[3]`, `["a b"]`, and `: key`, `: metatable`, `: upvalue NAME` (at the root without the
// colon: `can't copy upvalue conn: userdata`).
#ifndef HEDDLE_VALUE_VALUE_H
#define HEDDLE_VALUE_VALUE_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

// What the room knows about heddle's shared objects; handed over once, before the first message.
struct value_shared {
  // Is the userdata at idx such an object? Sets its reference. May raise a string (a queue whose
  // items can't be copied), may call value_encode.
  bool (*identify)(lua_State *L, int idx, uint64_t *ref);
  void (*retain)(uint64_t ref);    // the message now holds one reference
  void (*release)(uint64_t ref);   // gives back one that a message held
  void (*take_back)(uint64_t ref); // the same of a message that was not sent in the end
  // One that a message held is that process's from now on; gives back one that was claimed here.
  void (*claim)(uint64_t ref, uint32_t process);
  void (*give_up)(uint64_t ref);
  // Pushes the object's userdata, which takes a claimed reference over. False: ref is damaged,
  // nothing pushed, nothing taken. When it raises, nothing was taken either.
  bool (*push)(lua_State *L, uint64_t ref);
};

void value_set_shared(const struct value_shared *ops);
void value_set_key(const unsigned char key[16]);

// Once per interpreter, before anything else below.
void value_open(lua_State *L);
void value_modules_changed(lua_State *L);

void value_encode(lua_State *L, int first, int count, const char *root, struct buffer *out);
int value_decode(lua_State *L, const void *bytes, size_t len);
int value_decode_claimed(lua_State *L, const void *bytes, size_t len);
void value_claim(const void *bytes, size_t len, uint32_t process);
void value_give_up(const void *bytes, size_t len);
void value_retain(const void *bytes, size_t len);
void value_drop(const void *bytes, size_t len);
void value_take_back(const void *bytes, size_t len);

// `heddle.native.value`
int luaopen_heddle_native_value(lua_State *L);

#endif
