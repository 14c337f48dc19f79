// heddle.native.host: what the command line and the library in Lua need of the host.
#include "host/embedded.h"
#include "loop/misuse_lua.h"
#include "loop/task.h"
#include "worker/worker.h"

#include <errno.h>
#include <lauxlib.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

// host.isatty(fd) -> boolean
static int f_isatty(lua_State *L) {
  lua_pushboolean(L, isatty((int)luaL_checkinteger(L, 1)));
  return 1;
}

// host.columns(fd) -> how many characters a line of that terminal has, nil where it is none
static int f_columns(lua_State *L) {
  struct winsize size;
  if (ioctl((int)luaL_checkinteger(L, 1), TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 0;
  lua_pushinteger(L, size.ws_col);
  return 1;
}

// host.scripts() -> {name = source}, the embedded scenarios
static int f_scripts(lua_State *L) {
  lua_newtable(L);
  for (const struct host_embedded *s = host_scripts; s->name; s++) {
    lua_pushlstring(L, (const char *)s->bytes, s->size);
    lua_setfield(L, -2, s->name);
  }
  return 1;
}

// Standard input, read by whole lines without blocking other tasks: one buffer for the process.
static char *pending;
static size_t pending_size;

static bool push_line(lua_State *L, bool at_end) {
  char *newline = pending ? memchr(pending, '\n', pending_size) : NULL;
  if (!newline && (!at_end || pending_size == 0)) return false;
  size_t line = newline ? (size_t)(newline - pending) : pending_size;
  size_t used = newline ? line + 1 : line;
  lua_pushlstring(L, pending, line);
  memmove(pending, pending + used, pending_size - used);
  pending_size -= used;
  return true;
}

static int input_ready(lua_State *L, int status, lua_KContext context) {
  struct task *task = (struct task *)context;
  char bytes[4096];
  (void)status;
  if (task_interrupted(task)) task_raise_pending(L, task);
  if (push_line(L, false)) return 1;
  struct pollfd fd = {.fd = STDIN_FILENO, .events = POLLIN};
  if (poll(&fd, 1, 0) == 0) return loop_wait_fd(L, STDIN_FILENO, POLLIN, input_ready);
  ssize_t n = read(STDIN_FILENO, bytes, sizeof bytes);
  if (n <= 0) return push_line(L, true) ? 1 : 0;
  char *more = realloc(pending, pending_size + (size_t)n);
  if (!more) return luaL_error(L, "not enough memory");
  memcpy(more + pending_size, bytes, (size_t)n);
  pending = more;
  pending_size += (size_t)n;
  return input_ready(L, 0, context);
}

// host.input() -> the next line of standard input | nil at its end; only the calling task waits
static int f_input(lua_State *L) {
  if (!loop_may_block(L))
    return loop_misuse(L, "cannot-block",
                       "input: can't block here: inside a C call that can't be suspended");
  return input_ready(L, 0, (lua_KContext)loop_self->current);
}

// host.lua_release() -> "Lua 5.4.4"
static int f_lua_release(lua_State *L) {
  lua_pushliteral(L, LUA_RELEASE);
  return 1;
}

static const luaL_Reg functions[] = {
    {"lua_release", f_lua_release}, {"columns", f_columns}, {"input", f_input},
    {"isatty", f_isatty},           {"scripts", f_scripts}, {NULL, NULL}};

// Opens heddle.native.host.
int luaopen_heddle_native_host(lua_State *L) {
  luaL_newlib(L, functions);
  return 1;
}
