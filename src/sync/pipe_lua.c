// heddle.native.pipe: the ends of a pipe as Lua sees them. A handle remembers the count of moves at
// which it had the end; a closed one has CLOSED there.
#include "base/program.h"
#include "loop/misuse_lua.h"
#include "sync/pipe.h"
#include "sync/queue_lua.h"

#define CLOSED UINT64_MAX

static struct sync_pipe *end_of(const struct sync_handle *handle) {
  return (struct sync_pipe *)handle->object;
}

// Whether the handle's interpreter has the end, and not another that it was handed to.
static bool is_here(const struct sync_handle *handle) {
  return handle->own == CLOSED || handle->own == end_of(handle)->moves;
}

// The end at 1 as self of a method. One that was handed over is misuse.
static struct sync_handle *check_end(lua_State *L, const char *function) {
  struct sync_handle *handle = object_check(L, SYNC_PIPE, function);
  if (!is_here(handle))
    loop_misuse(L, "pipe-moved",
                "%s: this end was handed to another interpreter and can be used only there",
                function);
  return handle;
}

// send -----------------------------------------------------------------------------------------

static bool send_attempt(void *end, struct park_self *self) {
  return sync_queue_put(sync_pipe_out(end), self);
}
static void send_leave(void *end, struct park_self *self) {
  sync_queue_leave(sync_pipe_out(end), self, SYNC_PUTTERS);
  queue_give_back(self->in);
}

static int send_finish(lua_State *L, void *end, struct park_self *self, bool sent) {
  (void)end;
  if (!sent || self->closed) {
    queue_give_back(self->in);
    return object_timed_out(L, sent ? "closed" : "timeout");
  }
  queue_mark_sent(L);
  lua_pushboolean(L, 1);
  return 1;
}

static const struct loop_op send_op = {.name = "pipe:send",
                                       .attempt = send_attempt,
                                       .leave = send_leave,
                                       .finish = send_finish,
                                       .describe = object_describe};

// pipe:send(message[, timeout]) -> true | nil, "timeout"|"closed"
static int m_send(lua_State *L) {
  struct sync_handle *handle = check_end(L, "pipe:send");
  struct queue_put how = {.op = &send_op, .full = "timeout"};
  how.timeout = loop_timeout(L, 3, "pipe:send");
  if (lua_isnoneornil(L, 2))
    loop_misuse(L, "nil-item", "pipe:send: message: any value but nil expected, got %s",
                loop_typename(L, 2));
  if (handle->own == CLOSED) return object_timed_out(L, "closed");
  lua_settop(L, 2);
  return queue_put_message(L, handle->object, &how);
}

// recv, poll -----------------------------------------------------------------------------------

static bool recv_attempt(void *end, struct park_self *self) {
  return sync_queue_get(sync_pipe_in(end), self);
}
static bool poll_attempt(void *end, struct park_self *self) {
  return sync_queue_peek(sync_pipe_in(end), self);
}
static void recv_leave(void *end, struct park_self *self) {
  sync_queue_leave(sync_pipe_in(end), self, SYNC_GETTERS);
}

static int recv_finish(lua_State *L, void *end, struct park_self *self, bool got) {
  (void)end;
  if (!got || self->closed) return object_timed_out(L, got ? "closed" : "timeout");
  queue_push_message(L, self->out);
  return 1;
}

static int poll_finish(lua_State *L, void *end, struct park_self *self, bool got) {
  (void)end, (void)self;
  lua_pushboolean(L, got);
  return 1;
}

static const struct loop_op recv_op = {.name = "pipe:recv",
                                       .attempt = recv_attempt,
                                       .leave = recv_leave,
                                       .finish = recv_finish,
                                       .describe = object_describe};
static const struct loop_op poll_op = {.name = "pipe:poll",
                                       .attempt = poll_attempt,
                                       .leave = recv_leave,
                                       .finish = poll_finish,
                                       .describe = object_describe};

// pipe:recv([timeout]) -> message | nil, "timeout"|"closed"
static int m_recv(lua_State *L) {
  struct sync_handle *handle = check_end(L, "pipe:recv");
  double timeout = loop_timeout(L, 2, "pipe:recv");
  if (handle->own == CLOSED) return object_timed_out(L, "closed");
  struct park_self ask = queue_getter();
  return loop_block(L, &recv_op, handle->object, &ask, timeout);
}

// pipe:poll([timeout = 0]) -> whether recv would not wait now: there is a message, or no more come
static int m_poll(lua_State *L) {
  struct sync_handle *handle = check_end(L, "pipe:poll");
  double timeout = lua_isnoneornil(L, 2) ? 0 : loop_timeout(L, 2, "pipe:poll");
  struct park_self ask = {0};
  return loop_block(L, &poll_op, handle->object, &ask, timeout);
}

// the end --------------------------------------------------------------------------------------

// A forked child that merely inherited the handle leaves the end to whom it belongs.
static void close_end(struct sync_handle *handle) {
  struct sync_pipe *end = end_of(handle);
  bool here = handle->own == end->moves && end->holder == program_slot + 1;
  handle->own = CLOSED;
  if (here) sync_pipe_close(end);
}

// pipe:close(): the other end receives what was sent, then "closed". Also the end of a <close>
// variable, and nothing for an end that was handed over.
static int m_close(lua_State *L) {
  struct sync_handle *handle = object_check(L, SYNC_PIPE, "pipe:close");
  if (is_here(handle)) close_end(handle);
  return 0;
}

static int m_gc(lua_State *L) {
  struct sync_handle *handle = lua_touserdata(L, 1);
  if (handle->object) close_end(handle);
  object_let_go(handle);
  return 0;
}

// pipe.new() -> a, b: the two ends of a new pipe
static int f_new(lua_State *L) {
  struct sync_pipe *ends[2];
  if (!sync_pipe_create(ends)) return luaL_error(L, "not enough memory for another shared object");
  for (int i = 0; i < 2; i++) {
    object_push_new(L, &ends[i]->head);
    ((struct sync_handle *)lua_touserdata(L, -1))->own = ends[i]->moves;
  }
  return 2;
}

// crossing -------------------------------------------------------------------------------------

static void cross(lua_State *L, int index) {
  const struct sync_handle *handle = lua_touserdata(L, index);
  if (handle->own == CLOSED)
    loop_misuse(L, "pipe-closed", "pipe: a closed end can't be handed over");
  if (!is_here(handle))
    loop_misuse(L, "pipe-moved",
                "pipe: this end was handed to another interpreter before and can't be handed over "
                "from here");
  if (sync_pipe_in(end_of(handle))->head.waiters[SYNC_GETTERS].first)
    loop_misuse(L, "pipe-busy", "pipe: an end that a task waits at can't be handed over");
}

static void sent(struct sync_object *end) { sync_pipe_send((struct sync_pipe *)end); }
static void lost(struct sync_object *end) { sync_pipe_lose((struct sync_pipe *)end); }
static void back(struct sync_object *end) { sync_pipe_take_back((struct sync_pipe *)end); }
static void claimed(struct sync_object *end, uint32_t process) {
  sync_pipe_claim((struct sync_pipe *)end, process);
}
static void arrived(struct sync_handle *handle) { handle->own = end_of(handle)->moves; }

// Lets the ends of pipes cross between interpreters. Once per process.
void pipe_cross(void) {
  static const struct object_travel travel = {sent, lost, back, claimed, arrived};
  object_set_cross(SYNC_PIPE, cross);
  object_set_travel(SYNC_PIPE, &travel);
}

static const luaL_Reg methods[] = {{"__close", m_close}, {"close", m_close}, {"poll", m_poll},
                                   {"recv", m_recv},     {"send", m_send},   {NULL, NULL}};
static const luaL_Reg functions[] = {{"new", f_new}, {NULL, NULL}};

// Opens heddle.native.pipe.
int luaopen_heddle_native_pipe(lua_State *L) {
  object_open(L, SYNC_PIPE, methods);
  luaL_getmetatable(L, "heddle.pipe");
  lua_pushcfunction(L, m_gc);
  lua_setfield(L, -2, "__gc");
  queue_open_pending(L);
  luaL_newlib(L, functions);
  return 1;
}
