// heddle.native.http_server: servers for Lua. A server is driven by an internal task of the OS
// thread that made it, which keeps that thread as any task does.
#include "base/clock.h"
#include "base/program.h"
#include "io/http_handler_lua.h"
#include "io/http_server.h"
#include "loop/handle_lua.h"
#include "loop/misuse_lua.h"
#include "loop/task.h"

#include <lauxlib.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#define SERVER_META "heddle.http.server"

// the driver -----------------------------------------------------------------------------------

static void cancel_handlers(struct http_server *server) {
  server->cancelled = true;
  for (struct http_request *r = server->requests; r; r = r->next)
    if (r->running) task_cancel(r->task, REASON_CANCEL, false);
}

static bool is_running(const struct http_server *server) {
  for (const struct http_request *r = server->requests; r; r = r->next)
    if (r->running) return true;
  return false;
}

// Goes on with closing. Returns whether it is done.
static bool close_more(struct http_server *server) {
  http_server_stop_listening(server);
  if (server->under_way > 0 && server->until > clock_now()) return false;
  if (server->under_way > 0 && !server->cancelled) cancel_handlers(server);
  if (is_running(server)) return false;
  http_server_stop(server);
  park_ring();
  return true;
}

// The driver was stopped from outside: so is the server, and its handlers.
static int stopped(lua_State *L, struct http_server *server, struct task *task) {
  cancel_handlers(server);
  http_server_stop_listening(server);
  http_server_stop(server);
  park_ring();
  task_raise_pending(L, task);
  return 0;
}

static int drive_on(lua_State *L, int status, lua_KContext context) {
  struct task *task = (struct task *)context;
  struct timers *timers = &task->loop->timers;
  struct http_server *server = lua_touserdata(L, 1);
  (void)status;
  timer_stop(timers, &task->timer);
  task->wake = 0;
  if (task_interrupted(task)) return stopped(L, server, task);
  server->L = L;
  http_server_work(server);
  if (server->closing && close_more(server)) return 0;
  int64_t until = http_server_due(server);
  if (until == 0) return loop_yield(L, drive_on);
  if (server->closing && !server->cancelled && server->until < until) until = server->until;
  if (!timer_start(timers, &task->timer, until)) return luaL_error(L, "not enough memory");
  return loop_wait_fd(L, server->epoll_fd, POLLIN, drive_on);
}

static int drive(lua_State *L) { return drive_on(L, LUA_OK, (lua_KContext)loop_self->current); }

// Starts the driver of the server at the top of the stack.
static void start_driver(lua_State *L, struct http_server *server, bool daemon) {
  int at = lua_gettop(L);
  struct task *task = task_new(L, loop_self);
  task->internal = true;
  task->daemon = daemon;
  task->source = server->source;
  task->line = server->line;
  lua_pushcfunction(L, drive);
  lua_pushvalue(L, at);
  task_begin(L, task, at + 1, 1);
  server->driver = task;
  lua_settop(L, at);
}

// the functions --------------------------------------------------------------------------------

static struct http_server *new_server(lua_State *L) {
  struct http_server *server = lua_newuserdatauv(L, sizeof *server, 1);
  memset(server, 0, sizeof *server);
  server->listen_fd = -1;
  server->begin = http_handler_begin;
  server->loop = loop_self;
  luaL_setmetatable(L, SERVER_META);
  return server;
}

static int push_failure(lua_State *L, int error) {
  const char *code = strerrorname_np(error);
  lua_pushnil(L);
  lua_pushfstring(L, "%s: %s", lua_tostring(L, 1), strerror(error));
  lua_pushstring(L, code ? code : "EIO");
  return 3;
}

// open() -> nil, or why libmicrohttpd can't be had.
static int f_open(lua_State *L) {
  lua_pushstring(L, mhd_open());
  return 1;
}

// is_address(text) -> boolean: whether one can listen there.
static int f_is_address(lua_State *L) {
  struct address address;
  size_t size;
  const char *text = lua_tolstring(L, 1, &size);
  lua_pushboolean(L, strlen(text) == size && address_parse(text, &address));
  return 1;
}

// serve(address, fn, daemon, max_body) -> server | nil, message, code. The arguments have been
// checked.
static int f_serve(lua_State *L) {
  struct http_server *server = new_server(L);
  address_parse(lua_tostring(L, 1), &server->address);
  lua_pushvalue(L, 2);
  lua_setiuservalue(L, -2, 1);
  server->max_body = (size_t)lua_tointeger(L, 4);
  server->source = handle_started_at(L, &server->line);
  int error = http_server_start(server);
  if (error) return push_failure(L, error);
  start_driver(L, server, lua_toboolean(L, 3));
  return 1;
}

static struct http_server *check(lua_State *L, const char *function) {
  struct http_server *server = luaL_testudata(L, 1, SERVER_META);
  if (!server)
    loop_misuse(L, "bad-self",
                "server:%s: a server expected as self, got %s (call it with a colon)", function,
                loop_typename(L, 1));
  return server;
}

static int closed(lua_State *L, void *object, struct park_self *self, bool got) {
  (void)object, (void)self, (void)got;
  lua_pushboolean(L, 1);
  return 1;
}

static void describe(void *object, char *text, size_t size) {
  (void)object;
  snprintf(text, size, "end of HTTP server");
}

static const struct loop_op close_op = {"server:close", end_attempt, end_leave, closed, describe};

// Whether the running task is one of the server's handlers, which can't wait for its own end.
static bool is_own_handler(const struct http_server *server) {
  for (const struct http_request *r = server->requests; r; r = r->next)
    if (r->running && loop_self && r->task == loop_self->current) return true;
  return false;
}

static int close_server(lua_State *L, struct http_server *server, double grace) {
  struct park_self ask = {0};
  if (server->process != program_slot || server->end.reached) return closed(L, NULL, NULL, true);
  int64_t until = clock_deadline(grace);
  if (until < server->until) server->until = until;
  server->closing = true;
  http_server_wake(server);
  if (is_own_handler(server)) return closed(L, NULL, NULL, true);
  return loop_block(L, &close_op, server, &ask, -1);
}

static const double GRACE = 1;

// server:close([grace]) -> true. Waits until it has ended.
static int m_close(lua_State *L) {
  struct http_server *server = check(L, "close");
  double grace = loop_timeout(L, 2, "server:close");
  return close_server(L, server, grace < 0 ? GRACE : grace);
}

// The end of a block: when an error passes through it, handlers get no time.
static int m_leave(lua_State *L) {
  return close_server(L, check(L, "close"), lua_isnoneornil(L, 2) ? GRACE : 0);
}

// Where it can be reached from this machine.
static void push_url(lua_State *L, const struct http_server *server) {
  struct address address = server->address;
  char text[ADDRESS_TEXT];
  if (address.to.any.sa_family == AF_UNIX) {
    lua_pushliteral(L, "http://localhost");
    return;
  }
  if (address.to.any.sa_family == AF_INET && address.to.v4.sin_addr.s_addr == INADDR_ANY)
    address.to.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  else if (address.to.any.sa_family == AF_INET6 &&
           IN6_IS_ADDR_UNSPECIFIED(&address.to.v6.sin6_addr))
    address.to.v6.sin6_addr = in6addr_loopback;
  address_text(&address, text);
  lua_pushfstring(L, "http://%s", text);
}

static int m_index(lua_State *L) {
  const struct http_server *server = check(L, "index");
  lua_pushvalue(L, 2);
  if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL) return 1;
  const char *key = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "";
  if (strcmp(key, "port") == 0 && server->address.to.any.sa_family != AF_UNIX)
    lua_pushinteger(L, address_port(&server->address));
  else if (strcmp(key, "url") == 0)
    push_url(L, server);
  else
    return 0;
  return 1;
}

static int m_tostring(lua_State *L) {
  const struct http_server *server = check(L, "tostring");
  char text[ADDRESS_TEXT];
  address_text(&server->address, text);
  lua_pushfstring(L, "http server %s (%s)", text,
                  server->end.reached || server->process != program_slot ? "closed"
                  : server->closing                                      ? "closing"
                                                                         : "open");
  return 1;
}

static const luaL_Reg methods[] = {{"close", m_close}, {NULL, NULL}};
static const luaL_Reg functions[] = {
    {"is_address", f_is_address}, {"open", f_open}, {"serve", f_serve}, {NULL, NULL}};

// Opens heddle.native.http_server.
int luaopen_heddle_native_http_server(lua_State *L) {
  handle_open(L, SERVER_META, methods, m_index, m_tostring);
  luaL_getmetatable(L, SERVER_META);
  lua_pushcfunction(L, m_leave);
  lua_setfield(L, -2, "__close");
  luaL_newlib(L, functions);
  return 1;
}
