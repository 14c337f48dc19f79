#include "host/output_lua.h"

#include "base/arena.h"
#include "loop/loop.h"
#include "worker/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <limits.h>
#include <lualib.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static pthread_mutex_t one_at_a_time[] = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER};

// A write of up to PIPE_BUF bytes is whole by itself. Longer ones exclude the other processes by a
// lock on the arena's descriptor, which the kernel frees when its holder dies; short ones then take
// it too.
static void change_lock(short type, bool error) {
  struct flock range = {.l_type = type, .l_whence = SEEK_SET, .l_start = error, .l_len = 1};
  while (fcntl(arena_fd(), F_SETLKW, &range) != 0 && errno == EINTR) {
  }
}

static int write_out(FILE *file, const char *text, size_t size) {
  bool threads = loop_self && loop_self->interp->loop_count > 1, error = file == stderr;
  if (threads) loop_gil_release();
  gate_enter(); // a child is not forked while a thread is in here
  pthread_mutex_lock(&one_at_a_time[error]);
  bool shared = arena->processes > 0; // the last of them may be buried while this one writes
  if (shared) change_lock(F_WRLCK, error);
  int failed = fwrite(text, 1, size, file) != size || fflush(file) != 0 ? errno : 0;
  if (failed) clearerr(file);
  if (shared) change_lock(F_UNLCK, error);
  pthread_mutex_unlock(&one_at_a_time[error]);
  gate_leave();
  if (threads) loop_gil_acquire();
  return failed;
}

static int f_print(lua_State *L) {
  int n = lua_gettop(L);
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  for (int i = 1; i <= n; i++) {
    if (i > 1) luaL_addchar(&b, '\t');
    luaL_tolstring(L, i, NULL);
    luaL_addvalue(&b);
  }
  luaL_addchar(&b, '\n');
  luaL_pushresult(&b);
  size_t size;
  const char *text = lua_tolstring(L, -1, &size);
  write_out(stdout, text, size);
  return 0;
}

// Standard output or error if that is at `arg`, or NULL.
static FILE *standard_file(lua_State *L, int arg) {
  luaL_Stream *stream = luaL_testudata(L, arg, LUA_FILEHANDLE);
  bool ours = stream && stream->closef && (stream->f == stdout || stream->f == stderr);
  return ours ? stream->f : NULL;
}

static int finish_write(lua_State *L, int first, FILE *file) {
  luaL_Buffer b;
  int n = lua_gettop(L);
  luaL_buffinit(L, &b);
  for (int i = first; i <= n; i++) {
    luaL_checklstring(L, i, NULL);
    lua_pushvalue(L, i);
    luaL_addvalue(&b);
  }
  luaL_pushresult(&b);
  size_t size;
  const char *text = lua_tolstring(L, -1, &size);
  int failed = write_out(file, text, size);
  return failed ? (errno = failed, luaL_fileresult(L, 0, NULL)) : -1;
}

// io.write: to standard output or error as print does; to any other default output as Lua's own
// (upvalue 1).
static int f_write(lua_State *L) {
  lua_getfield(L, LUA_REGISTRYINDEX, "_IO_output");
  FILE *file = standard_file(L, -1);
  if (!file) {
    lua_pop(L, 1);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
    return lua_gettop(L);
  }
  lua_insert(L, 1);
  int results = finish_write(L, 2, file);
  if (results >= 0) return results;
  lua_settop(L, 1);
  return 1;
}

// file:write: the same for io.stdout and io.stderr.
static int m_write(lua_State *L) {
  FILE *file = standard_file(L, 1);
  if (!file) {
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
    return lua_gettop(L);
  }
  int results = finish_write(L, 2, file);
  if (results >= 0) return results;
  lua_settop(L, 1);
  return 1;
}

static void wrap(lua_State *L, int table, const char *name, lua_CFunction function) {
  table = lua_absindex(L, table);
  lua_getfield(L, table, name);
  lua_pushcclosure(L, function, 1);
  lua_setfield(L, table, name);
}

// Replaces print, io.write and the write method of files in an interpreter.
void output_open(lua_State *L) {
  lua_pushcfunction(L, f_print);
  lua_setglobal(L, "print");
  lua_getglobal(L, "io");
  wrap(L, -1, "write", f_write);
  luaL_getmetatable(L, LUA_FILEHANDLE);
  lua_getfield(L, -1, "__index");
  wrap(L, -1, "write", m_write);
  lua_pop(L, 3);
}
