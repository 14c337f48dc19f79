// Rows of heddle.ps as tables, for what else shows a program. Stands on: watch, Lua.
#ifndef HEDDLE_WORKER_WATCH_LUA_H
#define HEDDLE_WORKER_WATCH_LUA_H

#include "worker/watch.h"

#include <lauxlib.h>
#include <string.h>

// Where a task lives.
struct watch_place {
  uint32_t seat;
  int32_t pid, tid; // 0: unknown
};

void watch_add_task(lua_State *L, const struct task_view *view, const struct watch_place *place);
void watch_add_record(lua_State *L, const struct park_record *record,
                      const struct watch_place *place);

// Fields of a row on top of the stack; a text ends at a zero or after `size`.
static inline void watch_set_text(lua_State *L, const char *key, const char *text, size_t size) {
  lua_pushlstring(L, text, strnlen(text, size));
  lua_setfield(L, -2, key);
}

static inline void watch_set_integer(lua_State *L, const char *key, lua_Integer value) {
  lua_pushinteger(L, value);
  lua_setfield(L, -2, key);
}

// Appends the row on top of the stack to the list below it.
static inline void watch_add_row(lua_State *L) {
  lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
}

#endif
