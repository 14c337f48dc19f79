#include "io/http_handler_lua.h"

#include "io/http_head_lua.h"
#include "loop/task.h"

#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

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
  http_server_wake(server);
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

// Starts the handler of a request, with the driver's stack in server->L, where the server is at 1.
void http_handler_begin(struct http_server *server, struct http_request *request) {
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
