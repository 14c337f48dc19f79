// heddle.native.net: listeners and connections over TCP and Unix sockets. The addresses are strings
// that hold a struct address; the library in Lua makes and checks them.
#include "base/private_fd.h"
#include "base/program.h"
#include "io/address.h"
#include "io/io_lua.h"
#include "io/resolve.h"
#include "io/stream_lua.h"
#include "loop/fds.h"
#include "loop/misuse_lua.h"
#include "loop/task.h"

#include <arpa/inet.h>
#include <errno.h>
#include <lauxlib.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LISTENER_META "heddle.net.listener"

// addresses ----------------------------------------------------------------------------------

// net.address(text) -> address | nil: it is none, or has a name to be looked up
static int f_address(lua_State *L) {
  struct address address;
  if (!address_parse(luaL_checkstring(L, 1), &address)) return 0;
  lua_pushlstring(L, (const char *)&address, sizeof address);
  return 1;
}

static struct address check_address(lua_State *L, int arg) {
  struct address address;
  size_t size;
  const char *bytes = luaL_checklstring(L, arg, &size);
  luaL_argcheck(L, size == sizeof address, arg, "an address expected");
  memcpy(&address, bytes, sizeof address);
  return address;
}

// net.text(address) -> its text
static int f_text(lua_State *L) {
  struct address address = check_address(L, 1);
  address_push(L, &address);
  return 1;
}

struct fd_wait {
  struct pollfd fd;
  bool waited;
};

// Whoever was woken is to try: what the descriptor was may be closed, and its number another's.
static bool wait_attempt(void *object, struct park_self *self) {
  struct fd_wait *w = object;
  if (w->waited || poll(&w->fd, 1, 0) > 0) return true;
  if (!self->enlist) return false;
  w->waited = fds_wait(loop_self->current, w->fd.fd, (uint32_t)w->fd.events, false);
  return !w->waited; // the try that follows tells what is wrong
}

static int wait_finish(lua_State *L, void *object, struct park_self *self, bool got) {
  (void)object, (void)self;
  if (!got) return io_timeout(L);
  lua_pushboolean(L, 1);
  return 1;
}

static const struct loop_op wait_op = {
    .name = "socket", .attempt = wait_attempt, .finish = wait_finish};

// net.wait(fd, write, timeout) -> true, when it makes sense to try to read (or write) the
// descriptor | nil, "timeout"
static int f_wait(lua_State *L) {
  int number = (int)luaL_checkinteger(L, 1);
  double timeout = luaL_optnumber(L, 3, -1);
  luaL_argcheck(L, number >= 0, 1, "a descriptor expected");
  struct fd_wait *w = lua_newuserdatauv(L, sizeof *w, 0);
  struct park_self ask = {0};
  *w = (struct fd_wait){.fd = {.fd = number, .events = lua_toboolean(L, 2) ? POLLOUT : POLLIN}};
  return loop_block(L, &wait_op, w, &ask, timeout);
}

// net.closing(fd): the descriptor is about to be closed; who waits for it tries once more.
static int f_closing(lua_State *L) {
  fds_close(loop_self->interp, (int)luaL_checkinteger(L, 1));
  return 0;
}

// net.resolve(host, port, timeout) -> list of addresses | nil, message, code
static int f_resolve(lua_State *L) {
  const char *host = luaL_checkstring(L, 1);
  uint16_t port = (uint16_t)luaL_checkinteger(L, 2);
  double timeout = luaL_optnumber(L, 3, -1);
  struct resolve *job = resolve_new(host, port);
  if (!job) return luaL_error(L, "not enough memory");
  return offload_wait(L, "net.connect", &job->offload, timeout);
}

// connecting -----------------------------------------------------------------------------------

static void no_delay(int fd, const struct address *address) {
  int on = 1;
  if (address->to.any.sa_family != AF_UNIX)
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

// Whether it is, or never will be: then the error is set.
static bool is_connected(struct stream *s) {
  struct address peer;
  socklen_t size = sizeof s->error, peer_size = sizeof peer.to;
  getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &s->error, &size);
  return s->error || getpeername(s->fd, &peer.to.any, &peer_size) == 0 || errno != ENOTCONN;
}

static bool connect_attempt(void *object, struct park_self *self) {
  struct stream *s = object;
  if (self->entered && is_connected(s)) {
    self->entered = false;
    return true;
  }
  if (!self->enlist) return false;
  self->entered = fds_wait(loop_self->current, s->fd, FDS_WRITE, true);
  if (!self->entered) s->error = errno;
  return !self->entered;
}

static void connect_leave(void *object, struct park_self *self) {
  (void)self;
  stream_close(object);
}

static int connect_finish(lua_State *L, void *object, struct park_self *self, bool got) {
  struct stream *s = object;
  int error = s->error;
  (void)self;
  if (got && error == 0) return 1; // the connection is on top
  stream_close(s);
  return got ? io_fail(L, lua_tostring(L, 2), error) : io_timeout(L);
}

static const struct loop_op connect_op = {.name = "net.connect",
                                          .attempt = connect_attempt,
                                          .leave = connect_leave,
                                          .finish = connect_finish};

// net.connect(address, text, timeout) -> connection | nil, reason | nil, message, code
static int f_connect(lua_State *L) {
  struct address address = check_address(L, 1);
  const char *text = luaL_checkstring(L, 2);
  double timeout = luaL_optnumber(L, 3, -1);
  struct park_self ask = {0};
  lua_settop(L, 2);
  struct stream *s = stream_new(L);
  int fd = socket(address.to.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return io_fail(L, text, errno);
  if (!stream_open(s, fd)) return luaL_error(L, "not enough memory");
  no_delay(fd, &address);
  if (connect(fd, &address.to.any, address.size) == 0) return 1;
  if (errno == EINPROGRESS) return loop_block(L, &connect_op, s, &ask, timeout);
  int error = errno;
  stream_close(s);
  return io_fail(L, text, error);
}

// listeners ------------------------------------------------------------------------------------

struct listener {
  struct stream stream; // its descriptor
  struct address address;
  uint32_t held; // id of the loop that it keeps, 0: none
  dev_t device;  // of a Unix socket's file
  ino_t inode;
};

static struct listener *check_listener(lua_State *L, const char *function) {
  struct listener *l = luaL_testudata(L, 1, LISTENER_META);
  if (!l)
    loop_misuse(L, "bad-self", "listener:%s: a listener expected as self, got %s", function,
                loop_typename(L, 1));
  return l;
}

static void note_file(struct listener *l) {
  struct stat st;
  if (l->address.to.any.sa_family != AF_UNIX || stat(l->address.to.local.sun_path, &st) != 0)
    return;
  l->device = st.st_dev;
  l->inode = st.st_ino;
}

// The socket's file, unless another has taken its place.
static void remove_file(const struct listener *l) {
  struct stat st;
  if (l->inode && stat(l->address.to.local.sun_path, &st) == 0 && st.st_dev == l->device &&
      st.st_ino == l->inode)
    unlink(l->address.to.local.sun_path);
}

static void close_listener(struct listener *l) {
  if (stream_is_open(&l->stream)) remove_file(l);
  stream_close(&l->stream);
  for (struct loop *loop = loop_self ? loop_self->interp->loops : NULL; loop; loop = loop->next)
    if (l->held && loop->id == l->held) loop_unhold(loop, true);
  l->held = 0;
}

// net.listen(address, text, daemon) -> listener | nil, message, code
static int f_listen(lua_State *L) {
  struct address address = check_address(L, 1);
  const char *text = luaL_checkstring(L, 2);
  struct listener *l = lua_newuserdatauv(L, sizeof *l, 0);
  *l = (struct listener){.stream.fd = -1};
  luaL_setmetatable(L, LISTENER_META);
  int fd = address_listen(&address);
  if (fd < 0) return io_fail(L, text, -fd);
  if (!stream_open(&l->stream, fd)) return luaL_error(L, "not enough memory");
  l->address = address;
  note_file(l);
  if (lua_toboolean(L, 3)) return 1;
  loop_hold(loop_self, true);
  l->held = loop_self->id;
  return 1;
}

static bool accept_attempt(void *object, struct park_self *self) {
  struct stream *s = &((struct listener *)object)->stream;
  bool try = s->at_once || (stream_is_open(s) && fds_worth(s->fd, FDS_READ));
  s->error = 0;
  s->at_once = false;
  if (!stream_is_open(s)) return self->closed = true;
  while (try) {
    int fd = accept4(s->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    self->number = (uint64_t)fd;
    if (fd >= 0) return true;
    if (errno == EINTR || errno == ECONNABORTED) continue;
    if (errno != EAGAIN) return s->error = errno, true;
    fds_drained(s->fd, FDS_READ);
    break;
  }
  if (!self->enlist || fds_wait(loop_self->current, s->fd, FDS_READ, true)) return false;
  s->error = errno;
  return true;
}

static int accept_finish(lua_State *L, void *object, struct park_self *self, bool got) {
  const struct listener *l = object;
  int fd = (int)self->number, error = l->stream.error;
  if (!got) return io_timeout(L);
  if (self->closed) return io_closed(L);
  if (error) return io_fail(L, NULL, error);
  no_delay(fd, &l->address);
  if (!stream_open(stream_new(L), fd)) return luaL_error(L, "not enough memory");
  return 1;
}

static const struct loop_op accept_op = {
    .name = "listener:accept", .attempt = accept_attempt, .finish = accept_finish};

// listener:accept([timeout]) -> connection | nil, "closed"|"timeout" | nil, message, code
static int m_accept(lua_State *L) {
  struct listener *l = check_listener(L, "accept");
  double timeout = loop_timeout(L, 2, "listener:accept");
  struct park_self ask = {0};
  l->stream.at_once = timeout == 0;
  return loop_block(L, &accept_op, l, &ask, timeout);
}

// listener:close() -> true. Tasks that wait in accept get nil, "closed".
static int m_close_listener(lua_State *L) {
  close_listener(check_listener(L, "close"));
  lua_pushboolean(L, 1);
  return 1;
}

static int m_listener_index(lua_State *L) {
  lua_pushvalue(L, 2);
  if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL) return 1;
  const struct listener *l = luaL_checkudata(L, 1, LISTENER_META);
  const char *key = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "";
  if (strcmp(key, "port") == 0 && l->address.to.any.sa_family != AF_UNIX)
    lua_pushinteger(L, address_port(&l->address));
  else if (strcmp(key, "address") == 0)
    address_push(L, &l->address);
  else
    return 0;
  return 1;
}

static int m_listener_tostring(lua_State *L) {
  const struct listener *l = luaL_checkudata(L, 1, LISTENER_META);
  address_push(L, &l->address);
  lua_pushfstring(L, "listener at %s (%s)", lua_tostring(L, -1),
                  stream_is_open(&l->stream) ? "open" : "closed");
  return 1;
}

// the module -----------------------------------------------------------------------------------

static const luaL_Reg listener_methods[] = {
    {"accept", m_accept}, {"close", m_close_listener}, {NULL, NULL}};
static const luaL_Reg functions[] = {
    {"address", f_address}, {"connect", f_connect}, {"listen", f_listen}, {"resolve", f_resolve},
    {"text", f_text},       {"closing", f_closing}, {"wait", f_wait},     {NULL, NULL}};

// Opens heddle.native.net.
int luaopen_heddle_native_net(lua_State *L) {
  stream_class(L);
  io_class(L, LISTENER_META, listener_methods, m_listener_index, m_listener_tostring,
           m_close_listener);
  luaL_newlib(L, functions);
  return 1;
}
