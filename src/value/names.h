// What crosses by name: loaded modules, their functions, registered classes; and with it all that
// the room keeps per interpreter. The map from addresses to names is built when first needed, and
// again after modules changed; it holds addresses only, so what it says is verified before use.
// Stands on
// seen.h's hash and Lua.
#ifndef HEDDLE_VALUE_NAMES_H
#define HEDDLE_VALUE_NAMES_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "value/seen.h"

struct encoder;

enum name_kind { NAME_MODULE = 1, NAME_FIELD, NAME_CLASS };

struct name_text {
  const char *bytes; // of a Lua string, which a list keeps alive
  uint32_t len;
  uint32_t at; // its place in that list
};

struct name {
  const void *object;
  struct name_text first, second; // module or class, field
  enum name_kind kind;            // 0: the slot is free
};

struct names {
  const void *globals; // the address of the table of globals
  bool fresh;          // nothing changed since the map was built
  uint32_t count, mask;
  struct name *slots;
  uint32_t texts;        // how many strings are kept alive
  struct encoder *spare; // the encoder's memory between two messages
};

struct names *value_names(lua_State *L);
void value_names_refresh(lua_State *L, struct names *names);
bool value_names_holds(lua_State *L, const struct name *name);
bool value_has_finalizer(lua_State *L);
bool value_is_bound(lua_State *L);
const struct name *value_names_of_top(lua_State *L, struct names *names);

void value_push_module(lua_State *L, const char *name, size_t len);
void value_push_field(lua_State *L, const char *name, size_t len);
bool value_push_class(lua_State *L, const char *name, size_t len);
void value_set_class(lua_State *L, int name, int metatable);

// What the map says about an address; NULL: nothing.
static inline const struct name *value_name_of(const struct names *names, const void *object) {
  uint32_t i = value_slot(object, names->mask);
  for (; names->slots[i].kind != 0; i = (i + 1) & names->mask)
    if (names->slots[i].object == object) return &names->slots[i];
  return NULL;
}

#endif
