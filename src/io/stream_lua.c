// The class of connections: what tasks read from and write to.
#include "io/stream_lua.h"

#include "io/address.h"
#include "io/io_lua.h"
#include "loop/misuse_lua.h"
#include "loop/task.h"

#include <lauxlib.h>
#include <string.h>

#define CONNECTION_META "heddle.net.connection"

static struct stream *check(lua_State *L, const char *function) {
  struct stream *s = luaL_testudata(L, 1, CONNECTION_META);
  if (!s)
    loop_misuse(L, "bad-self", "connection:%s: a connection expected as self, got %s", function,
                loop_typename(L, 1));
  return s;
}

// Pushes a connection that is not open yet.
struct stream *stream_new(lua_State *L) {
  struct stream *s = lua_newuserdatauv(L, sizeof *s, 0);
  *s = (struct stream){.fd = -1};
  luaL_setmetatable(L, CONNECTION_META);
  return s;
}

// Pushes a connection over an open non-blocking descriptor. Returns 1; raises, the descriptor
// closed, when there is no memory.
int stream_push(lua_State *L, int fd) {
  if (!stream_open(stream_new(L), fd)) return luaL_error(L, "not enough memory");
  return 1;
}

static int read_finish(lua_State *L, void *object, struct park_self *self, bool got) {
  struct stream *s = object;
  if (!got) return io_timeout(L);
  if (s->error) return io_fail(L, NULL, s->error);
  if (self->closed) return io_closed(L);
  lua_pushlstring(L, s->taken, s->taken_size);
  stream_read_taken(s);
  return 1;
}

static const struct loop_op read_op = {
    .name = "connection:read", .attempt = stream_read_attempt, .finish = read_finish};

// Reads what is to be read from the argument: returns one of enum stream_read.
static enum stream_read check_what(lua_State *L, int arg, lua_Integer *count) {
  int whole;
  if (lua_isnoneornil(L, arg)) return READ_SOME;
  if (lua_type(L, arg) == LUA_TNUMBER) {
    *count = lua_tointegerx(L, arg, &whole);
    if (whole && *count >= 0) return READ_COUNT;
  } else if (lua_type(L, arg) == LUA_TSTRING) {
    const char *format = lua_tostring(L, arg);
    if (strcmp(format, "l") == 0) return READ_LINE;
    if (strcmp(format, "L") == 0) return READ_WHOLE_LINE;
    if (strcmp(format, "a") == 0) return READ_ALL;
  }
  return (enum stream_read)loop_misuse(
      L, "bad-argument",
      "connection:read: what: a whole number of bytes >= 0, \"l\", \"L\" or \"a\" expected, got %s",
      lua_type(L, arg) == LUA_TSTRING ? lua_tostring(L, arg) : loop_typename(L, arg));
}

// connection:read([n|"l"|"L"|"a"][, timeout]) -> string | nil, "closed"|"timeout" | nil, message,
// code
static int m_read(lua_State *L) {
  struct stream *s = check(L, "read");
  lua_Integer count = 0;
  enum stream_read what = check_what(L, 2, &count);
  double timeout = loop_timeout(L, 3, "connection:read");
  struct park_self ask = {.in = (void *)(uintptr_t)&stream_reads[what], .number = (uint64_t)count};
  s->at_once = timeout == 0;
  return loop_block(L, &read_op, s, &ask, timeout);
}

static int write_finish(lua_State *L, void *object, struct park_self *self, bool got) {
  struct stream *s = object;
  if (!got && s->writer && s->writer == self->task) stream_write_leave(s, self);
  if (!got) return io_timeout(L);
  if (s->error) return io_fail(L, NULL, s->error);
  if (self->closed) return io_closed(L);
  lua_pushboolean(L, 1);
  return 1;
}

static const struct loop_op write_op = {.name = "connection:write",
                                        .attempt = stream_write_attempt,
                                        .leave = stream_write_leave,
                                        .finish = write_finish};

// connection:write(s[, timeout]) -> true, when the system has taken it all | nil, ...
static int m_write(lua_State *L) {
  struct stream *s = check(L, "write");
  size_t size;
  if (lua_type(L, 2) != LUA_TSTRING)
    loop_misuse(L, "bad-argument", "connection:write: s: a string expected, got %s",
                loop_typename(L, 2));
  const char *bytes = lua_tolstring(L, 2, &size);
  double timeout = loop_timeout(L, 3, "connection:write");
  struct park_self ask = {.in = (void *)(uintptr_t)bytes, .number = size};
  if (timeout != 0) loop_check_may_block(L, "connection:write");
  s->at_once = timeout == 0;
  return loop_block(L, &write_op, s, &ask, timeout);
}

// connection:shutdown() -> true | nil, ...: sends no more; what the other side sends can still be
// read
static int m_shutdown(lua_State *L) {
  struct stream *s = check(L, "shutdown");
  if (!stream_is_open(s)) return io_closed(L);
  int error = stream_shut(s);
  if (error) return io_fail(L, NULL, error);
  lua_pushboolean(L, 1);
  return 1;
}

// connection:close() -> true
static int m_close(lua_State *L) {
  stream_close(check(L, "close"));
  lua_pushboolean(L, 1);
  return 1;
}

static void push_end(lua_State *L, int fd, bool peer) {
  struct address address = {.size = sizeof address.to};
  int (*name)(int, struct sockaddr *, socklen_t *) = peer ? getpeername : getsockname;
  if (fd >= 0 && name(fd, &address.to.any, &address.size) == 0)
    address_push(L, &address);
  else
    lua_pushnil(L);
}

static int m_index(lua_State *L) {
  lua_pushvalue(L, 2);
  if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL) return 1;
  const struct stream *s = luaL_checkudata(L, 1, CONNECTION_META);
  const char *key = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "";
  bool peer = strcmp(key, "peer") == 0;
  if (!peer && strcmp(key, "address") != 0) return 0;
  push_end(L, stream_is_open(s) ? s->fd : -1, peer);
  return 1;
}

static int m_tostring(lua_State *L) {
  const struct stream *s = luaL_checkudata(L, 1, CONNECTION_META);
  bool open = stream_is_open(s);
  push_end(L, open ? s->fd : -1, true);
  if (lua_isnil(L, -1))
    lua_pushfstring(L, "connection (%s)", open ? "open" : "closed");
  else
    lua_pushfstring(L, "connection to %s (open)", lua_tostring(L, -1));
  return 1;
}

static const luaL_Reg methods[] = {{"close", m_close},
                                   {"read", m_read},
                                   {"shutdown", m_shutdown},
                                   {"write", m_write},
                                   {NULL, NULL}};

// Makes the class in an interpreter.
void stream_class(lua_State *L) {
  io_class(L, CONNECTION_META, methods, m_index, m_tostring, m_close);
}
