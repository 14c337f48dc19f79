// heddle.native.http_client: requests for Lua. While transfers are under way, and for a moment
// after, an internal task of each OS thread waits for the client's descriptor and works on all of
// them; each asking task waits for its own transfer.
#include "base/clock.h"
#include "base/program.h"
#include "io/http_client.h"
#include "io/http_head_lua.h"
#include "loop/misuse_lua.h"
#include "loop/task.h"

#include <lauxlib.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#define TRANSFER_META "heddle.http.transfer"

static const int64_t LINGER = 500 * INT64_C(1000000); // how long idle connections are kept

// This OS thread's, while there is one: its loop's.
static _Thread_local struct {
  struct http_client *client;
  struct task *driver;
  uint32_t process;   // slot of the process they were made in
  uint32_t loop;      // id of the loop they were made for
  int64_t keep_until; // idle connections; 0: they were used since
} here;

// the driver -----------------------------------------------------------------------------------

static int drive(lua_State *L);

static void start_driver(lua_State *L) {
  here.driver = task_new(L, loop_self);
  here.driver->daemon = here.driver->internal = true;
  lua_pushcfunction(L, drive);
  task_begin(L, here.driver, -2, 0);
  lua_pop(L, 1);
}

static void drop_client(void) {
  http_client_free(here.client);
  here.client = NULL;
  here.driver = NULL;
}

// Stopped from outside. Transfers of tasks that clean up go on, under another driver.
static int stopped(lua_State *L, struct task *task) {
  if (here.client->busy > 0)
    start_driver(L);
  else
    drop_client();
  task_raise_pending(L, task);
  return 0;
}

// When the driver must look again at the latest; 0: it can end.
static int64_t next_look(const struct http_client *client, const struct loop *loop) {
  if (client->busy > 0) {
    here.keep_until = 0;
    return client->due;
  }
  if (client->open == 0 || loop->stopping) return 0;
  if (here.keep_until == 0) here.keep_until = clock_now() + LINGER;
  if (here.keep_until <= clock_now()) return 0;
  return client->due < here.keep_until ? client->due : here.keep_until;
}

static int drive_on(lua_State *L, int status, lua_KContext context) {
  struct task *task = (struct task *)context;
  struct timers *timers = &task->loop->timers;
  (void)status;
  timer_stop(timers, &task->timer);
  task->wake = 0;
  if (task != here.driver) return 0; // its client has been closed
  if (task_interrupted(task)) return stopped(L, task);
  http_client_work(here.client);
  int64_t until = next_look(here.client, task->loop);
  if (until == 0) {
    drop_client();
    return 0;
  }
  if (until <= clock_now()) return loop_yield(L, drive_on);
  if (!timer_start(timers, &task->timer, until)) return luaL_error(L, "not enough memory");
  return loop_wait_fd(L, here.client->epoll_fd, POLLIN, drive_on);
}

static int drive(lua_State *L) { return drive_on(L, LUA_OK, (lua_KContext)loop_self->current); }

// A child of fork has no driver, and the connections are its parent's. An OS thread may have had
// another loop before, whose driver did not get to drop its client.
static void forget_others(void) {
  static struct http_client *inherited; // never freed: its libcurl would talk to the other side
  if (!here.client) return;
  if (here.process != program_slot) {
    here.client->inherited = inherited;
    inherited = here.client;
    here.client = NULL;
    here.driver = NULL;
  } else if (here.loop != loop_self->id) {
    drop_client();
  }
}

static void need_client(lua_State *L) {
  forget_others();
  if (here.client) return;
  here.client = http_client_new();
  if (!here.client) luaL_error(L, "http: no memory or no descriptor left for a client");
  here.process = program_slot;
  here.loop = loop_self->id;
  here.keep_until = 0;
  start_driver(L);
}

static void wake_driver(void) {
  if (here.driver->state == TASK_PARKED) loop_ready(loop_self, here.driver);
}

// waiting for a transfer -----------------------------------------------------------------------

static void leave(void *object, struct park_self *self) {
  end_leave(object, self);
  http_transfer_abort(object);
}

static void describe(void *object, char *text, size_t size) {
  (void)object;
  snprintf(text, size, "HTTP response");
}

static int push_timeout(lua_State *L) {
  lua_pushnil(L);
  lua_pushliteral(L, "timeout");
  return 2;
}

static int push_error(lua_State *L, const struct http_transfer *transfer) {
  const char *why = transfer->error;
  if (transfer->result == CURLE_OPERATION_TIMEDOUT) return push_timeout(L);
  if (transfer->long_head) why = "the response's headers are larger than 256 KiB";
  if (!*why) why = curl.easy_strerror(transfer->result);
  lua_pushnil(L);
  if (transfer->too_big)
    lua_pushfstring(L, "%s: the body is larger than max_body (%I bytes)", lua_tostring(L, 2),
                    (LUAI_UACINT)transfer->max_body);
  else
    lua_pushfstring(L, "%s: %s", lua_tostring(L, 2), why);
  lua_pushstring(L, http_transfer_code(transfer));
  return 3;
}

static int push_response(lua_State *L, const struct http_transfer *transfer) {
  lua_createtable(L, 0, 3);
  lua_pushinteger(L, transfer->status);
  lua_setfield(L, -2, "status");
  http_head_parse(L, (const char *)transfer->head.data, transfer->head.len);
  lua_setfield(L, -2, "headers");
  lua_pushlstring(L, (const char *)transfer->body.data, transfer->body.len);
  lua_setfield(L, -2, "body");
  return 1;
}

static int finish(lua_State *L, void *object, struct park_self *self, bool got) {
  struct http_transfer *transfer = object;
  (void)self;
  if (!got) {
    http_transfer_abort(transfer);
    http_transfer_free(transfer);
    return push_timeout(L);
  }
  int results = transfer->result == CURLE_OK ? push_response(L, transfer) : push_error(L, transfer);
  http_transfer_free(transfer);
  return results;
}

static const struct loop_op op = {"http.request", end_attempt, leave, finish, describe};

// the functions --------------------------------------------------------------------------------

static int free_transfer(lua_State *L) {
  struct http_transfer *transfer = lua_touserdata(L, 1);
  if (transfer->client == here.client) http_transfer_abort(transfer);
  http_transfer_free(transfer);
  return 0;
}

static struct http_transfer *new_transfer(lua_State *L) {
  struct http_transfer *transfer = lua_newuserdatauv(L, sizeof *transfer, 0);
  memset(transfer, 0, sizeof *transfer);
  luaL_setmetatable(L, TRANSFER_META);
  return transfer;
}

// The header lines listed at index `arg`, as libcurl wants them. Raises on lack of memory.
static struct curl_slist *header_list(lua_State *L, int arg) {
  struct curl_slist *list = NULL;
  for (lua_Integer i = 1, n = lua_istable(L, arg) ? (lua_Integer)lua_rawlen(L, arg) : 0; i <= n;
       i++) {
    lua_rawgeti(L, arg, i);
    struct curl_slist *longer = curl.slist_append(list, lua_tostring(L, -1));
    lua_pop(L, 1);
    if (!longer) curl.slist_free(list);
    if (!longer) luaL_error(L, "not enough memory");
    list = longer;
  }
  return list;
}

// request(method, url, header lines, body, timeout, max_body, redirects, ca, socket) -> a table
// {status=, headers=, body=} | nil, "timeout" | nil, message, code. The arguments have been checked
// (the url by is_url); those after the url may be nil but max_body and redirects.
static int f_request(lua_State *L) {
  lua_settop(L, 9);
  double timeout = lua_isnil(L, 5) ? -1 : lua_tonumber(L, 5);
  struct park_self ask = {0};
  if (!loop_may_block(L))
    return loop_misuse(L, "cannot-block",
                       "http.request: can't block here: inside a C call that can't be suspended");
  if (task_interrupted(loop_self->current)) task_raise_pending(L, loop_self->current);
  need_client(L);
  struct http_transfer *transfer = new_transfer(L);
  transfer->max_body = (size_t)lua_tointeger(L, 6);
  struct http_ask wanted = {.method = lua_tostring(L, 1),
                            .url = lua_tostring(L, 2),
                            .redirects = (long)lua_tointeger(L, 7),
                            .ca = lua_tostring(L, 8),
                            .socket = lua_tostring(L, 9)};
  wanted.headers = header_list(L, 3);
  wanted.body = lua_tolstring(L, 4, &wanted.body_size);
  if (!http_client_begin(here.client, transfer, &wanted)) return luaL_error(L, "not enough memory");
  wake_driver();
  return loop_block(L, &op, transfer, &ask, timeout);
}

static bool is_http(const char *url) {
  return strncasecmp(url, "http://", 7) == 0 || strncasecmp(url, "https://", 8) == 0;
}

static CURLUcode parse(const char *url) {
  CURLU *parts = curl.url_new();
  if (!parts) return CURLUE_OUT_OF_MEMORY;
  CURLUcode result = curl.url_set(parts, CURLUPART_URL, url, 0);
  curl.url_free(parts);
  return result;
}

// open() -> nil, or why libcurl can't be had.
static int f_open(lua_State *L) {
  lua_pushstring(L, curl_open());
  return 1;
}

// is_url(text) -> boolean: whether it is a URL of HTTP. libcurl is open.
static int f_is_url(lua_State *L) {
  size_t size;
  const char *url = lua_tolstring(L, 1, &size);
  lua_pushboolean(L, is_http(url) && strlen(url) == size && parse(url) == CURLUE_OK);
  return 1;
}

// close_idle(): this OS thread's idle connections are closed.
static int f_close_idle(lua_State *L) {
  (void)L;
  forget_others();
  if (!here.client || here.client->busy > 0) return 0;
  wake_driver();
  drop_client();
  return 0;
}

static const luaL_Reg functions[] = {
    {"close_idle", f_close_idle}, {"headers_class", http_head_class},
    {"is_url", f_is_url},         {"open", f_open},
    {"request", f_request},       {NULL, NULL}};

// Opens heddle.native.http_client.
int luaopen_heddle_native_http_client(lua_State *L) {
  luaL_newmetatable(L, TRANSFER_META);
  lua_pushcfunction(L, free_transfer);
  lua_setfield(L, -2, "__gc");
  luaL_newlib(L, functions);
  return 1;
}
