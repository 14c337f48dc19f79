#include "host/modules.h"

#include "host/embedded.h"
#include "host/os_lua.h"
#include "host/output_lua.h"
#include "loop/coroutine_lua.h"
#include "loop/task.h"
#include "loop/uv_lua.h"
#include "value/names.h"
#include "value/value.h"

#include <lauxlib.h>
#include <lualib.h>
#include <string.h>

int luaopen_heddle_native_command(lua_State *L);
int luaopen_heddle_native_deadline(lua_State *L);
int luaopen_heddle_native_fs(lua_State *L);
int luaopen_heddle_native_greenlet(lua_State *L);
int luaopen_heddle_native_host(lua_State *L);
int luaopen_heddle_native_http_client(lua_State *L);
int luaopen_heddle_native_http_server(lua_State *L);
int luaopen_heddle_native_input(lua_State *L);
int luaopen_heddle_native_keys(lua_State *L);
int luaopen_heddle_native_loop(lua_State *L);
int luaopen_heddle_native_net(lua_State *L);
int luaopen_heddle_native_peer(lua_State *L);
int luaopen_heddle_native_pipe(lua_State *L);
int luaopen_heddle_native_jobs(lua_State *L);
int luaopen_heddle_native_queue(lua_State *L);
int luaopen_heddle_native_repl(lua_State *L);
int luaopen_heddle_native_rng(lua_State *L);
int luaopen_heddle_native_shared(lua_State *L);
int luaopen_heddle_native_sync(lua_State *L);
int luaopen_heddle_native_task(lua_State *L);
int luaopen_heddle_native_trace(lua_State *L);
int luaopen_heddle_native_value(lua_State *L);
int luaopen_heddle_native_watch(lua_State *L);
int luaopen_heddle_native_work(lua_State *L);
int luaopen_heddle_native_worker(lua_State *L);

// Modules in C; the library in Lua stands on them.
static const luaL_Reg natives[] = {
    {"heddle.native.command", luaopen_heddle_native_command},
    {"heddle.native.deadline", luaopen_heddle_native_deadline},
    {"heddle.native.fs", luaopen_heddle_native_fs},
    {"heddle.native.greenlet", luaopen_heddle_native_greenlet},
    {"heddle.native.host", luaopen_heddle_native_host},
    {"heddle.native.http_client", luaopen_heddle_native_http_client},
    {"heddle.native.http_server", luaopen_heddle_native_http_server},
    {"heddle.native.input", luaopen_heddle_native_input},
    {"heddle.native.keys", luaopen_heddle_native_keys},
    {"heddle.native.loop", luaopen_heddle_native_loop},
    {"heddle.native.net", luaopen_heddle_native_net},
    {"heddle.native.peer", luaopen_heddle_native_peer},
    {"heddle.native.pipe", luaopen_heddle_native_pipe},
    {"heddle.native.jobs", luaopen_heddle_native_jobs},
    {"heddle.native.queue", luaopen_heddle_native_queue},
    {"heddle.native.repl", luaopen_heddle_native_repl},
    {"heddle.native.rng", luaopen_heddle_native_rng},
    {"heddle.native.shared", luaopen_heddle_native_shared},
    {"heddle.native.sync", luaopen_heddle_native_sync},
    {"heddle.native.task", luaopen_heddle_native_task},
    {"heddle.native.trace", luaopen_heddle_native_trace},
    {"heddle.native.value", luaopen_heddle_native_value},
    {"heddle.native.watch", luaopen_heddle_native_watch},
    {"heddle.native.work", luaopen_heddle_native_work},
    {"heddle.native.worker", luaopen_heddle_native_worker},
    {"luv", loop_open_luv},
    {NULL, NULL},
};

static int load_embedded(lua_State *L, const struct host_embedded *module) {
  if (luaL_loadbufferx(L, (const char *)module->bytes, module->size, module->name, "b") != LUA_OK)
    return lua_error(L);
  lua_pushliteral(L, ":embedded:");
  return 2;
}

// A searcher of `package`: modules in C by their openers, modules in Lua from the executable.
static int search(lua_State *L) {
  const char *name = luaL_checkstring(L, 1);
  value_modules_changed(L);
  if (strncmp(name, "heddle", 6) != 0 && strcmp(name, "luv") != 0) return 0;
  for (const luaL_Reg *m = natives; m->name; m++) {
    if (strcmp(m->name, name) != 0) continue;
    lua_pushcfunction(L, m->func);
    lua_pushliteral(L, ":native:");
    return 2;
  }
  for (const struct host_embedded *m = host_embedded; m->name; m++)
    if (strcmp(m->name, name) == 0) return load_embedded(L, m);
  lua_pushfstring(L, "no module '%s' in heddle", name);
  return 1;
}

static void add_searcher(lua_State *L) {
  lua_getglobal(L, "package");
  lua_getfield(L, -1, "searchers");
  for (lua_Integer i = luaL_len(L, -1); i >= 1; i--) {
    lua_rawgeti(L, -1, i);
    lua_rawseti(L, -2, i + 1);
  }
  lua_pushcfunction(L, search);
  lua_rawseti(L, -2, 1);
  lua_pop(L, 2);
}

// Cancellations cross between interpreters as such: their metatable is a class, and its functions,
// being those of a module that every interpreter has, cross by name.
static void register_cancelled(lua_State *L) {
  lua_pushliteral(L, "heddle.Cancelled");
  task_push_cancelled(L, "cancel", NULL);
  lua_getmetatable(L, -1);
  value_set_class(L, lua_absindex(L, -3), lua_absindex(L, -1));
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  lua_createtable(L, 0, 2);
  lua_getfield(L, -3, "__eq");
  lua_setfield(L, -2, "eq");
  lua_getfield(L, -3, "__tostring");
  lua_setfield(L, -2, "tostring");
  lua_setfield(L, -2, "heddle.native.cancelled");
  lua_pop(L, 4);
}

// Opens Lua's libraries and the engine's in a new interpreter. Raises on lack of memory.
void modules_open(lua_State *L) {
  luaL_openlibs(L);
  task_open(L);
  coroutine_open(L);
  value_open(L);
  register_cancelled(L);
  output_open(L);
  os_open(L);
  add_searcher(L);
#ifdef HEDDLE_STRESS // the collector runs all the time
  lua_gc(L, LUA_GCINC, 100, 400, 8);
#endif
}
