// heddle.native.queue: the queue as Lua sees it.
#include "sync/queue_lua.h"
#include "base/clock.h"
#include "loop/misuse_lua.h"
#include "value/value.h"

// put ------------------------------------------------------------------------------------------

static int put_again(lua_State *L);

static void put_leave(void *object, struct park_self *self) {
  sync_queue_leave(object, self, SYNC_PUTTERS);
  queue_give_back(self->in);
}

// A reference that waits in a queue which has been handed over meanwhile becomes a message, and
// keeps its place. One that can't be copied gives it up: its put begins again, and raises.
static bool put_attempt(void *object, struct park_self *self) {
  const struct sync_queue *q = object;
  bool late = self->record && q->interp == 0 && !q->closed && queue_is_reference(self->in);
  if (!late || queue_keep_as_message(loop_self->current->parked_in, self))
    return sync_queue_put(object, self);
  put_leave(object, self);
  self->closed = false;
  self->number = SYNC_RECODE;
  return true;
}

static int put_finish(lua_State *L, void *object, struct park_self *self, bool put) {
  (void)object;
  if (!put || self->closed) {
    queue_give_back(self->in);
    return object_timed_out(L, put ? "closed" : "timeout");
  }
  if (self->number != SYNC_RECODE)
    queue_store(L, 1, self->number, 2);
  else if (queue_is_reference(self->in)) // it came to hold messages meanwhile
    return put_again(L);
  if (self->in) queue_mark_sent(L);
  lua_pushboolean(L, 1);
  return 1;
}

static const struct loop_op put_op = {.name = "queue:put",
                                      .attempt = put_attempt,
                                      .leave = put_leave,
                                      .finish = put_finish,
                                      .describe = object_describe};

// The rank of the item at an index: a number that is one, itself or first in a table.
static struct sync_rank read_rank(lua_State *L, int item, const char *function) {
  struct sync_rank rank = {0};
  if (lua_type(L, item) == LUA_TTABLE)
    lua_rawgeti(L, item, 1);
  else
    lua_pushvalue(L, item);
  rank.is_real = !lua_isinteger(L, -1);
  if (!rank.is_real)
    rank.as.integer = lua_tointeger(L, -1);
  else
    rank.as.real = lua_tonumber(L, -1);
  if (lua_type(L, -1) != LUA_TNUMBER || (rank.is_real && rank.as.real != rank.as.real))
    loop_misuse(L, "bad-priority",
                "%s: item: a number or a table {priority, value} expected (a priority is a number, "
                "and not NaN), got %s%s",
                function, lua_type(L, item) == LUA_TTABLE ? "a table with a first value of " : "",
                lua_type(L, -1) == LUA_TNUMBER ? "NaN" : loop_typename(L, -1));
  lua_pop(L, 1);
  return rank;
}

static void check_item(lua_State *L, int item, const char *function) {
  if (lua_isnoneornil(L, item))
    loop_misuse(L, "nil-item", "%s: item: any value but nil expected, got %s", function,
                loop_typename(L, item));
}

static int put_reference(lua_State *L, struct sync_queue *q, const struct queue_put *how) {
  struct park_self ask = {0};
  queue_make_room(L, 1);
  if (how->timeout != 0) return loop_block(L, how->op, q, &ask, how->timeout);
  if (!sync_queue_put(q, &ask)) return object_timed_out(L, how->full);
  return put_finish(L, q, &ask, true);
}

static int put(lua_State *L, struct sync_queue *q, const char *function, double timeout,
               const char *full) {
  struct queue_put how = {.op = &put_op, .timeout = timeout, .full = full};
  check_item(L, 2, function);
  if (q->interp == 0 && q->order != SYNC_PRIORITY) return queue_put_message(L, q, &how);
  lua_settop(L, 2);
  if (timeout > 0)
    lua_pushinteger(L, clock_deadline(timeout));
  else
    lua_pushnil(L);
  queue_check_reachable(L, q, function);
  if (q->order == SYNC_PRIORITY) how.rank = read_rank(L, 2, function);
  if (q->interp == 0) return queue_put_message(L, q, &how);
  return q->order == SYNC_FIFO ? put_reference(L, q, &how) : queue_put_ranked(L, q, &how);
}

// The queue at 1 has become one of messages while the put waited: puts a copy in what time is left.
static int put_again(lua_State *L) {
  struct sync_queue *q = queue_of(lua_touserdata(L, 1));
  if (lua_isnil(L, 3)) return put(L, q, "queue:put", -1, "timeout");
  double left = (double)(lua_tointeger(L, 3) - clock_now()) / 1e9;
  return put(L, q, "queue:put", left > 0 ? left : 0, "timeout");
}

// queue:put(item[, timeout]) -> true | nil, "timeout"|"closed"
static int m_put(lua_State *L) {
  struct sync_queue *q = queue_of(object_check(L, SYNC_QUEUE, "queue:put"));
  return put(L, q, "queue:put", loop_timeout(L, 3, "queue:put"), "timeout");
}

// queue:try_put(item) -> true | nil, "full"|"closed"
static int m_try_put(lua_State *L) {
  struct sync_queue *q = queue_of(object_check(L, SYNC_QUEUE, "queue:try_put"));
  return put(L, q, "queue:try_put", 0, "full");
}

// check_items(queue, list, function): raises what one of the list's items would raise in a put.
static int f_check_items(lua_State *L) {
  const char *function = luaL_checkstring(L, 3);
  struct sync_queue *q = queue_of(object_check(L, SYNC_QUEUE, function));
  if (lua_type(L, 2) != LUA_TTABLE)
    loop_misuse(L, "bad-argument", "%s: list: a table expected, got %s", function,
                loop_typename(L, 2));
  lua_Integer n = luaL_len(L, 2);
  for (lua_Integer i = 1; i <= n; i++) {
    lua_geti(L, 2, i);
    check_item(L, 4, function);
    if (q->order == SYNC_PRIORITY) read_rank(L, 4, function);
    lua_settop(L, 3);
  }
  return 0;
}

// get ------------------------------------------------------------------------------------------

static bool get_attempt(void *object, struct park_self *self) {
  return sync_queue_get(object, self);
}
static void get_leave(void *object, struct park_self *self) {
  sync_queue_leave(object, self, SYNC_GETTERS);
}

static int get_result(lua_State *L, struct park_self *self, bool got_it, const char *empty) {
  if (!got_it) return object_timed_out(L, empty);
  if (self->closed) return object_timed_out(L, "closed");
  if (self->number == SYNC_RECODE)
    queue_push_message(L, self->out);
  else
    queue_fetch(L, 1, self->number);
  return 1;
}

static int get_finish(lua_State *L, void *object, struct park_self *self, bool got_it) {
  (void)object;
  return get_result(L, self, got_it, "timeout");
}

static const struct loop_op get_op = {.name = "queue:get",
                                      .attempt = get_attempt,
                                      .leave = get_leave,
                                      .finish = get_finish,
                                      .describe = object_describe};

// queue:get([timeout]) -> item | nil, "timeout"|"closed"
static int m_get(lua_State *L) {
  struct sync_handle *handle = object_check(L, SYNC_QUEUE, "queue:get");
  double timeout = loop_timeout(L, 2, "queue:get");
  queue_check_reachable(L, queue_of(handle), "queue:get");
  struct park_self ask = queue_getter();
  return loop_block(L, &get_op, handle->object, &ask, timeout);
}

// queue:try_get() -> item | nil, "empty"|"closed"
static int m_try_get(lua_State *L) {
  struct sync_handle *handle = object_check(L, SYNC_QUEUE, "queue:try_get");
  queue_check_reachable(L, queue_of(handle), "queue:try_get");
  struct park_self ask = queue_getter();
  bool any = sync_queue_get(queue_of(handle), &ask);
  return get_result(L, &ask, any, "empty");
}

// The iterator of items(), whose upvalue is the queue: false is an item, nil ends the loop.
static int next_item(lua_State *L) {
  lua_settop(L, 0);
  lua_pushvalue(L, lua_upvalueindex(1));
  struct sync_handle *handle = lua_touserdata(L, 1);
  struct park_self ask = queue_getter();
  return loop_block(L, &get_op, handle->object, &ask, -1);
}

// queue:items() -> iterator until it is closed and empty
static int m_items(lua_State *L) {
  object_check(L, SYNC_QUEUE, "queue:items");
  queue_check_reachable(L, queue_of(lua_touserdata(L, 1)), "queue:items");
  lua_pushvalue(L, 1);
  lua_pushcclosure(L, next_item, 1);
  return 1;
}

// the rest -------------------------------------------------------------------------------------

static bool join_attempt(void *object, struct park_self *self) {
  return sync_queue_join(object, self);
}
static void join_leave(void *object, struct park_self *self) {
  sync_queue_leave(object, self, SYNC_JOINERS);
}

static int join_finish(lua_State *L, void *object, struct park_self *self, bool done) {
  (void)object, (void)self;
  if (!done) return object_timed_out(L, "timeout");
  lua_pushboolean(L, 1);
  return 1;
}

static const struct loop_op join_op = {"queue:join", join_attempt, join_leave, join_finish,
                                       object_describe};

// queue:join([timeout]) -> true | nil, "timeout": when every item that was put was marked done
static int m_join(lua_State *L) {
  struct sync_handle *handle = object_check(L, SYNC_QUEUE, "queue:join");
  struct park_self ask = {0};
  return loop_block(L, &join_op, handle->object, &ask, loop_timeout(L, 2, "queue:join"));
}

// queue:task_done(): one item that was got is done
static int m_task_done(lua_State *L) {
  struct sync_handle *handle = object_check(L, SYNC_QUEUE, "queue:task_done");
  if (!sync_queue_done(queue_of(handle)))
    return loop_misuse(L, "too-many-done",
                       "queue:task_done: called more often than items were put");
  return 0;
}

// queue:close(): no more puts; gets drain what is left. Also the end of a <close> variable.
static int m_close(lua_State *L) {
  sync_queue_close(queue_of(object_check(L, SYNC_QUEUE, "queue:close")));
  return 0;
}

// queue:size() -> items in it (also #queue)
static int m_size(lua_State *L) {
  lua_pushinteger(
      L, (lua_Integer)sync_queue_size(queue_of(object_check(L, SYNC_QUEUE, "queue:size"))));
  return 1;
}

// queue:maxsize() -> its limit, 0: none
static int m_maxsize(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)queue_of(object_check(L, SYNC_QUEUE, "queue:maxsize"))->maxsize);
  return 1;
}

// queue:empty() -> boolean
static int m_empty(lua_State *L) {
  lua_pushboolean(L, sync_queue_size(queue_of(object_check(L, SYNC_QUEUE, "queue:empty"))) == 0);
  return 1;
}

// queue:full() -> boolean
static int m_full(lua_State *L) {
  struct sync_queue *q = queue_of(object_check(L, SYNC_QUEUE, "queue:full"));
  lua_pushboolean(L, q->maxsize && sync_queue_size(q) >= q->maxsize);
  return 1;
}

// queue.new([maxsize][, shared[, order]]) -> a new queue; its options are read in Lua. order: 1
// last in first out, 2 lowest priority first
static int f_new(lua_State *L) {
  lua_Integer maxsize = luaL_optinteger(L, 1, 0);
  enum sync_order order = (enum sync_order)luaL_optinteger(L, 3, SYNC_FIFO);
  struct sync_queue *q =
      sync_queue_create((uint64_t)maxsize, order, lua_toboolean(L, 2) ? 0 : queue_interp());
  object_push_new(L, (struct sync_object *)q);
  return 1;
}

static const luaL_Reg methods[] = {
    {"__close", m_close},   {"__len", m_size},      {"close", m_close}, {"empty", m_empty},
    {"full", m_full},       {"get", m_get},         {"items", m_items}, {"join", m_join},
    {"maxsize", m_maxsize}, {"put", m_put},         {"size", m_size},   {"task_done", m_task_done},
    {"try_get", m_try_get}, {"try_put", m_try_put}, {NULL, NULL},
};

static const luaL_Reg functions[] = {
    {"check_items", f_check_items}, {"new", f_new}, {"select", queue_f_select}, {NULL, NULL}};

// Lets queues cross between interpreters. Once per process.
void queue_cross(void) {
  sync_set_drop(value_drop);
  queue_cross_references();
}

// Opens heddle.native.queue.
int luaopen_heddle_native_queue(lua_State *L) {
  object_open(L, SYNC_QUEUE, methods);
  queue_open_pending(L);
  luaL_newlib(L, functions);
  luaL_getmetatable(L, "heddle.queue");
  lua_getfield(L, -1, "methods");
  lua_setfield(L, -3, "methods");
  lua_pop(L, 1);
  return 1;
}
