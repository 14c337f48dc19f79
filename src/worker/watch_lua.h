// Rows of heddle.ps as tables, for what else shows a program. Stands on: watch, Lua.
#ifndef HEDDLE_WORKER_WATCH_LUA_H
#define HEDDLE_WORKER_WATCH_LUA_H

#include "worker/watch.h"

#include <lauxlib.h>

// Where a task lives.
struct watch_place {
  uint32_t seat;
  int32_t pid, tid; // 0: unknown
};

void watch_add_task(lua_State *L, const struct task_view *view, const struct watch_place *place);
void watch_add_record(lua_State *L, const struct park_record *record,
                      const struct watch_place *place);

#endif
