// heddle.native.http_server: servers for Lua. A server is driven by an internal task of the OS
// thread that made it, which keeps that thread as any task does; each request's handler is a task
// of its own, whose first slice runs as soon as the request has been read.
#include "base/clock.h"
#include "base/program.h"
#include "io/http_head_lua.h"
#include "io/http_server.h"
#include "loop/handle_lua.h"
#include "loop/misuse_lua.h"
#include "loop/task.h"

#include <errno.h>
#include <lauxlib.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SERVER_META "heddle.http.server"

enum { FIRST_STATUS = 200, LAST_STATUS = 599 };

// answers --------------------------------------------------------------------------------------

static void check_results(lua_State *L) {
  int is_whole;
  lua_Integer status = lua_tointegerx(L, 2, &is_whole);
  if (lua_type(L, 2) != LUA_TNUMBER || !is_whole || status < FIRST_STATUS || status > LAST_STATUS)
    luaL_error(L, "the handler's status: a whole number from %d to %d expected, got %s",
               FIRST_STATUS, LAST_STATUS,
               lua_type(L, 2) == LUA_TNUMBER ? lua_tostring(L, 2) : luaL_typename(L, 2));
  if (lua_type(L, 3) != LUA_TSTRING && !lua_isnil(L, 3))
    luaL_error(L, "the handler's body: a string or nil expected, got %s", luaL_typename(L, 3));
  if (!lua_istable(L, 4) && !lua_isnil(L, 4))
    luaL_error(L, "the handler's headers: a table or nil expected, got %s", luaL_typename(L, 4));
}

// The length is libmicrohttpd's to say.
static bool is_length(const char *name) { return strcasecmp(name, "content-length") == 0; }

// Adds the field whose name and value are on top of the stack.
static void add_field(lua_State *L, struct MHD_Response *response) {
  if (lua_type(L, -2) != LUA_TSTRING)
    luaL_error(L, "the handler's headers: a name expected as key, got %s", luaL_typename(L, -2));
  const char *name = lua_tostring(L, -2);
  if (!lua_isstring(L, -1))
    luaL_error(L, "the handler's headers: %s: a string expected, got %s", name,
               luaL_typename(L, -1));
  size_t size;
  const char *value = luaL_tolstring(L, -1, &size);
  bool clean = strlen(value) == size && !strpbrk(value, "\r\n") && lua_rawlen(L, -3) > 0;
  if (!is_length(name) && (!clean || mhd.response_header(response, name, value) != MHD_YES))
    luaL_error(L, "the handler's headers: '%s' can't be sent as a field with that value", name);
  lua_pop(L, 1);
}

static void add_fields(lua_State *L, struct MHD_Response *response) {
  for (lua_pushnil(L); lua_next(L, 4); lua_pop(L, 1)) {
    if (!lua_istable(L, -1)) {
      add_field(L, response);
      continue;
    }
    for (lua_Integer i = 1; i <= (lua_Integer)lua_rawlen(L, -1); i++) {
      lua_pushvalue(L, -2);
      lua_rawgeti(L, -2, i);
      add_field(L, response);
      lua_pop(L, 2);
    }
  }
}

// (request, status, body, headers): makes the response. Raises what is wrong with the results.
static int make_response(lua_State *L) {
  struct http_request *request = lua_touserdata(L, 1);
  size_t size = 0;
  check_results(L);
  const char *body = lua_isnil(L, 3) ? "" : lua_tolstring(L, 3, &size);
  request->response = mhd.response_new(size, (void *)body, MHD_RESPMEM_MUST_COPY);
  if (!request->response) return luaL_error(L, "not enough memory");
  if (lua_istable(L, 4)) add_fields(L, request->response);
  request->status = (unsigned)lua_tointeger(L, 2);
  return 0;
}

// handlers -------------------------------------------------------------------------------------

static void wake_driver(struct http_server *server) {
  if (server->end.reached || server->driver->state != TASK_PARKED) return;
  loop_ready(server->loop, server->driver);
}

// Answers after an error, whose text is on top of the stack; it goes to stderr unless the handler
// was cancelled.
static void answer_error(lua_State *L, struct http_request *request) {
  if (request->response) mhd.response_free(request->response);
  request->response = NULL;
  if (task_is_cancelled(L, -1)) {
    http_request_refuse(request, MHD_HTTP_SERVICE_UNAVAILABLE, "the server is closing\n");
    return;
  }
  const char *text = lua_tostring(L, -1);
  fprintf(stderr, "heddle: http: %s %s: %s\n", request->method, request->target,
          text ? text : "error without a text");
  http_request_refuse(request, MHD_HTTP_INTERNAL_SERVER_ERROR, "internal server error\n");
}

// The message handler below each handler.
static int explain(lua_State *L) {
  lua_settop(L, 1);
  if (task_is_cancelled(L, 1)) return 1;
  luaL_traceback(L, L, luaL_tolstring(L, 1, NULL), 1);
  return 1;
}

// The handler has ended: its results, or its error's text, are on top of the stack. Raises nothing,
// or the request would never be answered.
static int handled(lua_State *L, int status, lua_KContext context) {
  struct http_request *request = (struct http_request *)context;
  struct http_server *server = request->server;
  if (status == LUA_OK || status == LUA_YIELD) {
    lua_pushcfunction(L, make_response);
    lua_insert(L, -4);
    lua_pushlightuserdata(L, request);
    lua_insert(L, -4);
    status = lua_pcall(L, 4, 0, 0);
  }
  if (status == LUA_OK)
    http_request_answer(request, request->status, request->response);
  else
    answer_error(L, request);
  wake_driver(server);
  http_request_ended(request);
  return 0;
}

// The body of a handler's task: (server, request, function, table). The server is there to be kept.
static int handle(lua_State *L) {
  lua_KContext request = (lua_KContext)lua_touserdata(L, 2);
  lua_pushcfunction(L, explain);
  lua_replace(L, 2);
  return handled(L, lua_pcallk(L, 1, 3, 2, request, handled), request);
}

static int hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c = (char)(c | 0x20);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void push_decoded(lua_State *L, const char *text, size_t size) {
  luaL_Buffer b;
  char *to = luaL_buffinitsize(L, &b, size);
  size_t n = 0;
  for (size_t i = 0; i < size; i++) {
    bool escaped = text[i] == '%' && i + 2 < size && hex(text[i + 1]) >= 0 && hex(text[i + 2]) >= 0;
    to[n++] = escaped ? (char)(hex(text[i + 1]) * 16 + hex(text[i + 2])) : text[i];
    if (escaped) i += 2;
  }
  luaL_pushresultsize(&b, n);
}

static void push_target(lua_State *L, const char *target) {
  size_t path = strcspn(target, "?");
  if (memchr(target, '%', path))
    push_decoded(L, target, path);
  else
    lua_pushlstring(L, target, path);
  lua_setfield(L, -2, "path");
  lua_pushstring(L, target[path] ? target + path + 1 : "");
  lua_setfield(L, -2, "query");
}

static enum MHD_Result add_header(void *context, enum MHD_ValueKind kind, const char *name,
                                  size_t name_size, const char *value, size_t value_size) {
  (void)kind;
  http_head_add(context, name, name_size, value ? value : "", value_size);
  return MHD_YES;
}

// Pushes the table that the handler gets. (An error in add_header leaves libmicrohttpd's iteration,
// which holds nothing.)
static void push_request(lua_State *L, struct http_request *request) {
  lua_createtable(L, 0, 6);
  lua_pushstring(L, request->method);
  lua_setfield(L, -2, "method");
  push_target(L, request->target);
  lua_pushstring(L, http_request_peer(request));
  lua_setfield(L, -2, "peer");
  http_head_new(L);
  mhd.values(request->connection, MHD_HEADER_KIND, add_header, L);
  lua_setfield(L, -2, "headers");
  lua_pushlstring(L, (const char *)request->body.data, request->body.len);
  lua_setfield(L, -2, "body");
  buffer_free(&request->body);
}

// (server, request): makes the handler's task.
static int make_task(lua_State *L) {
  struct http_server *server = lua_touserdata(L, 1);
  struct http_request *request = lua_touserdata(L, 2);
  struct task *task = task_new(L, server->loop);
  task->number = ++server->loop->interp->names[0];
  task->daemon = server->driver->daemon;
  task->source = server->source;
  task->line = server->line;
  lua_pushcfunction(L, handle);
  lua_pushvalue(L, 1);
  lua_pushvalue(L, 2);
  lua_getiuservalue(L, 1, 1);
  push_request(L, request);
  task_admit(L, task, 3, 4);
  request->task = task;
  request->running = true;
  return 0;
}

static void begin(struct http_server *server, struct http_request *request) {
  lua_State *L = server->L;
  lua_pushcfunction(L, make_task);
  lua_pushvalue(L, 1);
  lua_pushlightuserdata(L, request);
  if (lua_pcall(L, 2, 0, 0) == LUA_OK) {
    task_run_within(server->loop, request->task);
    return;
  }
  answer_error(L, request);
  lua_pop(L, 1);
}

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
  server->begin = begin;
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
  wake_driver(server);
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
