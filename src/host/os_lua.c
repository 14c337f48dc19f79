// os.exit, and the functions of os that take locks of libc's, which a fork must not catch held.
#include "host/os_lua.h"

#include "worker/handles_lua.h"
#include "worker/worker.h"

#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

// os.exit([code]): ends this process: errors that nobody asked for are reported, what was written
// is flushed, its own processes end with it. Nothing that a parent registered runs in a child.
static int f_exit(lua_State *L) {
  int status = lua_isnoneornil(L, 1) ? EXIT_SUCCESS
               : lua_isboolean(L, 1) ? (lua_toboolean(L, 1) ? EXIT_SUCCESS : EXIT_FAILURE)
                                     : (int)luaL_checkinteger(L, 1);
  lua_pushcfunction(L, worker_f_report_unread);
  lua_pcall(L, 0, 0, 0);
  fflush(NULL);
  worker_kill_all();
  _exit(status);
}

// Calls the original (upvalue 1) inside the gate.
static int gated(lua_State *L) {
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1);
  gate_enter();
  int status = lua_pcall(L, lua_gettop(L) - 1, LUA_MULTRET, 0);
  gate_leave();
  return status == LUA_OK ? lua_gettop(L) : lua_error(L);
}

// Replaces them in an interpreter.
void os_open(lua_State *L) {
  static const char *const locked[] = {"date", "time", "setlocale", "tmpname", NULL};
  lua_getglobal(L, "os");
  for (const char *const *name = locked; *name; name++) {
    lua_getfield(L, -1, *name);
    lua_pushcclosure(L, gated, 1);
    lua_setfield(L, -2, *name);
  }
  lua_pushcfunction(L, f_exit);
  lua_setfield(L, -2, "exit");
  lua_pop(L, 1);
}
