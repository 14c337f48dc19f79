// heddle.native.command: programs that a task runs and waits for.
#include "io/command.h"
#include "io/io_lua.h"
#include "io/stream_lua.h"
#include "loop/task.h"

#include <lauxlib.h>
#include <signal.h>
#include <string.h>

#define COMMAND_META "heddle.command"

// The strings of the list at `arg`, ended by NULL, in memory that is left on the stack.
static char **strings(lua_State *L, int arg) {
  if (!lua_istable(L, arg)) return NULL;
  lua_Unsigned n = lua_rawlen(L, arg);
  char **list = lua_newuserdatauv(L, (n + 1) * sizeof *list, 0);
  for (lua_Unsigned i = 0; i < n; i++) {
    lua_rawgeti(L, arg, (lua_Integer)i + 1);
    list[i] = (char *)(uintptr_t)luaL_checkstring(L, -1); // the table keeps it
    lua_pop(L, 1);
  }
  list[n] = NULL;
  return list;
}

static struct command *check(lua_State *L) { return luaL_checkudata(L, 1, COMMAND_META); }

// command.start(argv, environment, cwd, input, files, group) -> command | nil, message, code.
// environment: a list of NAME=value, nil: ours; input: a string; files: what its three standard
// files are, a letter each: "0" nothing, "i" ours, "p" a pipe.
static int f_start(lua_State *L) {
  size_t size;
  luaL_checktype(L, 1, LUA_TTABLE);
  const char *input = luaL_optlstring(L, 4, "", &size);
  const char *files = luaL_checkstring(L, 5);
  lua_settop(L, 6);
  loop_check_may_block(L, "run_command"); // before anything is started
  struct spawn spawn = {.cwd = luaL_optstring(L, 3, NULL), .group = lua_toboolean(L, 6)};
  for (int i = 0; i < 3; i++)
    spawn.files[i] = files[i] == 'p' ? SPAWN_PIPE : files[i] == 'i' ? SPAWN_INHERIT : SPAWN_NULL;
  struct command *c = lua_newuserdatauv(L, sizeof *c, 1);
  *c = (struct command){.set = -1, .pidfd = -1, .pipes = {-1, -1, -1}};
  luaL_setmetatable(L, COMMAND_META);
  lua_pushvalue(L, 4);
  lua_setiuservalue(L, 7, 1); // lives as long as it is fed
  spawn.argv = strings(L, 1);
  spawn.envp = strings(L, 2);
  int error = command_start(c, &spawn, input, size);
  if (error) return io_fail(L, spawn.in_cwd ? spawn.cwd : spawn.argv[0], error);
  lua_settop(L, 7);
  return 1;
}

static void set_text(lua_State *L, const char *key, const struct buffer *text) {
  lua_pushlstring(L, text->data ? (const char *)text->data : "", text->len);
  lua_setfield(L, -2, key);
}

static int finish(lua_State *L, void *object, struct park_self *self, bool got) {
  const struct command *c = object;
  (void)self;
  if (!got) return io_timeout(L);
  if (c->error) return io_fail(L, NULL, c->error);
  lua_createtable(L, 0, 4);
  lua_pushinteger(L, c->status);
  lua_setfield(L, -2, c->how == CLD_EXITED ? "code" : "signal");
  set_text(L, "stdout", &c->texts[0]);
  set_text(L, "stderr", &c->texts[1]);
  return 1;
}

static const struct loop_op wait_op = {
    .name = "run_command", .attempt = command_attempt, .finish = finish};

// command:wait([timeout]) -> {code=, signal=, stdout=, stderr=} | nil, "timeout"
static int m_wait(lua_State *L) {
  struct command *c = check(L);
  struct park_self ask = {0};
  return loop_block(L, &wait_op, c, &ask, luaL_optnumber(L, 2, -1));
}

// command:stream(i) -> a connection that reads or writes its i-th pipe
static int m_stream(lua_State *L) {
  struct command *c = check(L);
  int i = (int)luaL_checkinteger(L, 2), fd = i >= 0 && i < 3 ? c->pipes[i] : -1;
  luaL_argcheck(L, fd >= 0, 2, "no such pipe");
  c->pipes[i] = -1;
  return stream_push(L, fd);
}

// command:patient(): what still runs when it is closed is waited for from now on
static int m_patient(lua_State *L) {
  check(L)->patient = true;
  return 0;
}

// command:close(): what still runs is killed
static int m_close(lua_State *L) {
  struct command *c = check(L);
  bool slow = c->pid > 0 && !c->exited;
  if (slow) loop_gil_release();
  command_close(c);
  if (slow) loop_gil_acquire();
  return 0;
}

static int m_gc(lua_State *L) {
  command_close(check(L));
  return 0;
}

static const luaL_Reg methods[] = {{"close", m_close},
                                   {"patient", m_patient},
                                   {"stream", m_stream},
                                   {"wait", m_wait},
                                   {NULL, NULL}};
static const luaL_Reg functions[] = {{"start", f_start}, {NULL, NULL}};

// Opens heddle.native.command.
int luaopen_heddle_native_command(lua_State *L) {
  stream_class(L);
  luaL_newmetatable(L, COMMAND_META);
  luaL_newlib(L, methods);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, m_close);
  lua_setfield(L, -2, "__close");
  lua_pushcfunction(L, m_gc);
  lua_setfield(L, -2, "__gc");
  luaL_newlib(L, functions);
  return 1;
}
