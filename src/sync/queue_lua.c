// heddle.native.queue: the queue as Lua sees it. While it holds references, its items are in a
// table (the handle's uservalue 1) used as a ring: item number n is at n % capacity + 1.
#include "base/program.h"
#include "loop/misuse_lua.h"
#include "loop/task.h"
#include "sync/object_lua.h"
#include "sync/queue.h"
#include "value/value.h"

#include <string.h>

enum { FIRST_CAPACITY = 16, SHRINK_FROM = 1024, KEPT = 1 << 20 };

#define PENDING_META "heddle.pending"

// This thread's own: where a small message is written before a put and copied to by a get.
static _Thread_local struct buffer outgoing, incoming;
static _Thread_local struct sync_message got;

// A message that waits for room. What is left of it is given back when its put ends, however that
// ends.
struct pending {
  struct sync_message message;
  uint32_t process; // whose it is: a forked child has copies
  bool sent;
  char bytes[];
};

static struct sync_queue *queue_of(const struct sync_handle *handle) {
  return (struct sync_queue *)handle->object;
}
static uint32_t my_interp(void) { return loop_self ? loop_self->interp->id : 0; }

// references -----------------------------------------------------------------------------------

static void change_capacity(lua_State *L, struct sync_handle *handle, uint64_t capacity) {
  const struct sync_queue *q = queue_of(handle);
  lua_createtable(L, (int)capacity, 0);
  lua_getiuservalue(L, 1, 1);
  for (uint64_t n = q->gets; n < q->puts; n++) {
    lua_rawgeti(L, -1, (lua_Integer)(n % handle->own) + 1);
    lua_rawseti(L, -3, (lua_Integer)(n % capacity) + 1);
  }
  for (uint64_t i = q->puts - q->gets; i < capacity; i++) {
    lua_pushboolean(L, 0);
    lua_rawseti(L, -3, (lua_Integer)((q->gets + i) % capacity) + 1);
  }
  lua_pop(L, 1);
  lua_setiuservalue(L, 1, 1);
  handle->own = capacity;
}

static void make_room(lua_State *L, struct sync_handle *handle) {
  const struct sync_queue *q = queue_of(handle);
  uint64_t size = q->puts - q->gets;
  if (size >= handle->own)
    change_capacity(L, handle, handle->own ? handle->own * 2 : FIRST_CAPACITY);
}

static void store_item(lua_State *L, struct sync_handle *handle, uint64_t number, int item) {
  lua_getiuservalue(L, 1, 1);
  lua_pushvalue(L, item);
  lua_rawseti(L, -2, (lua_Integer)(number % handle->own) + 1);
  lua_pop(L, 1);
}

static void fetch_item(lua_State *L, struct sync_handle *handle, uint64_t number) {
  const struct sync_queue *q = queue_of(handle);
  lua_Integer place = (lua_Integer)(number % handle->own) + 1;
  lua_getiuservalue(L, 1, 1);
  lua_rawgeti(L, -1, place);
  lua_pushboolean(L, 0);
  lua_rawseti(L, -3, place);
  lua_replace(L, -2);
  if (q->puts == q->gets && handle->own > SHRINK_FROM) change_capacity(L, handle, FIRST_CAPACITY);
}

// A queue of another interpreter's references: inherited by a fork, never handed over. Empty, it
// may be used.
static void check_reachable(lua_State *L, struct sync_queue *q, const char *function) {
  if (q->interp == 0 || q->interp == my_interp()) return;
  if (q->puts == q->gets)
    sync_queue_share(q);
  else
    loop_misuse(L, "queue-not-shared",
                "%s: the queue holds references of the process that made it; pass it as an "
                "argument (or make it with "
                "{shared=true}) instead of inheriting it",
                function);
}

// When the queue is handed to another interpreter, what it holds is turned into messages.
static void share(lua_State *L, int index, struct buffer *bytes) {
  struct sync_handle *handle = lua_touserdata(L, index);
  struct sync_queue *q = queue_of(handle);
  check_reachable(L, q, "queue");
  if (q->interp == 0) return;
  lua_getiuservalue(L, index, 1);
  for (uint64_t n = q->gets; n < q->puts; n++) {
    bytes->len = 0;
    lua_rawgeti(L, -1, (lua_Integer)(n % handle->own) + 1);
    value_encode(L, lua_gettop(L), 1, "item", bytes);
    struct sync_message m = {.bytes = bytes->data, .size = bytes->len};
    if (m.size > SYNC_INLINE) m.block = sync_block(m.bytes, m.size);
    if ((m.size > SYNC_INLINE && !m.block) || !sync_queue_append(q, &m))
      luaL_error(L, "not enough shared memory");
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
  lua_pushnil(L);
  lua_setiuservalue(L, index, 1);
  sync_queue_share(q);
}

static int share_protected(lua_State *L) {
  share(L, 1, lua_touserdata(L, 2));
  return 0;
}

// The queues that this thread is handing over: one may hold another, or itself.
struct sharing {
  const struct sync_queue *queue;
  const struct sharing *outer;
};
static _Thread_local const struct sharing *sharing;

static bool is_being_shared(const struct sync_queue *q) {
  const struct sharing *s = sharing;
  while (s && s->queue != q)
    s = s->outer;
  return s != NULL;
}

// The same, leaving the queue as it was when an item can't be copied.
static void cross(lua_State *L, int index) {
  struct sync_queue *q = queue_of(lua_touserdata(L, index));
  if (q->interp == 0 || is_being_shared(q)) return;
  struct buffer bytes = {0}; // here, so that it is freed after an error, too
  const struct sharing own = {q, sharing};
  sharing = &own;
  lua_pushcfunction(L, share_protected);
  lua_pushvalue(L, index);
  lua_pushlightuserdata(L, &bytes);
  int status = lua_pcall(L, 2, 0, 0);
  buffer_free(&bytes);
  sharing = own.outer;
  if (status == LUA_OK) return;
  if (q->interp == my_interp()) sync_queue_discard(q);
  lua_error(L);
}

// put ------------------------------------------------------------------------------------------

static int m_put(lua_State *L);

static bool put_attempt(void *object, struct park_self *self) {
  return sync_queue_put(object, self);
}
static void put_leave(void *object, struct park_self *self) {
  sync_queue_leave(object, self, SYNC_PUTTERS);
}

static void mark_sent(lua_State *L) {
  struct pending *pending = luaL_testudata(L, -1, PENDING_META);
  if (pending) pending->sent = true;
}

static int put_finish(lua_State *L, void *object, struct park_self *self, bool put) {
  struct sync_handle *handle = lua_touserdata(L, 1);
  if (!put) return object_timed_out(L, "timeout");
  if (self->closed) return object_timed_out(L, "closed");
  if (self->in) {
    mark_sent(L);
  } else if (self->number == SYNC_RECODE) { // it came to hold messages while this put waited
    return m_put(L);
  } else {
    store_item(L, handle, self->number, 2);
  }
  (void)object;
  lua_pushboolean(L, 1);
  return 1;
}

static const struct loop_op put_op = {"queue:put", put_attempt, put_leave, put_finish,
                                      object_describe};

static int pending_gc(lua_State *L) {
  struct pending *pending = luaL_checkudata(L, 1, PENDING_META);
  if (pending->sent || pending->process != program_slot) return 0;
  pending->sent = true;
  const struct sync_message *m = &pending->message;
  value_drop(m->block ? arena_at(m->block) : m->bytes, m->size);
  arena_free(m->block);
  return 0;
}

// Pushes the message in `outgoing` as something that may wait and be given back. It is taken out of
// there first: making a userdata may run finalizers, which may put.
static struct pending *push_pending(lua_State *L) {
  unsigned char bytes[SYNC_INLINE];
  struct sync_message message = {.size = outgoing.len};
  bool large = message.size > SYNC_INLINE;
  if (large)
    message.block = sync_block(outgoing.data, message.size);
  else
    memcpy(bytes, outgoing.data, message.size);
  if (large && message.block == 0) luaL_error(L, "not enough shared memory for the item");
  if (outgoing.cap > KEPT) buffer_free(&outgoing);
  struct pending *p = lua_newuserdatauv(L, sizeof *p + (large ? 0 : message.size), 0);
  if (!large) memcpy(p->bytes, bytes, message.size);
  message.bytes = p->bytes;
  p->message = message;
  p->process = program_slot;
  p->sent = false;
  luaL_setmetatable(L, PENDING_META);
  return p;
}

static int refuse_put(lua_State *L, const struct park_self *ask, const char *reason) {
  value_drop(outgoing.data, outgoing.len);
  return object_timed_out(L, ask->closed ? "closed" : reason);
}

static int put_message(lua_State *L, struct sync_queue *q, double timeout, const char *full) {
  struct park_self ask = {0};
  outgoing.len = 0;
  value_encode(L, 2, 1, "item", &outgoing);
  if (outgoing.len <= SYNC_INLINE) {
    struct sync_message message = {.bytes = outgoing.data, .size = outgoing.len};
    ask.in = &message;
    if (sync_queue_put(q, &ask) && !ask.closed) {
      lua_pushboolean(L, 1);
      return 1;
    }
    if (ask.closed || timeout == 0) return refuse_put(L, &ask, full);
  }
  struct pending *pending = push_pending(L);
  ask = (struct park_self){.in = &pending->message};
  if (timeout == 0) {
    if (!sync_queue_put(q, &ask)) return object_timed_out(L, full);
    return put_finish(L, q, &ask, true);
  }
  return loop_block(L, &put_op, q, &ask, timeout);
}

static int put_reference(lua_State *L, struct sync_handle *handle, double timeout,
                         const char *full) {
  struct park_self ask = {0};
  make_room(L, handle);
  if (timeout != 0) return loop_block(L, &put_op, handle->object, &ask, timeout);
  if (!sync_queue_put(queue_of(handle), &ask)) return object_timed_out(L, full);
  return put_finish(L, handle->object, &ask, true);
}

static int put(lua_State *L, const char *function, double timeout, const char *full) {
  struct sync_handle *handle = lua_touserdata(L, 1);
  struct sync_queue *q = queue_of(handle);
  if (lua_isnoneornil(L, 2))
    loop_misuse(L, "nil-item", "%s: item: any value but nil expected, got %s", function,
                loop_typename(L, 2));
  lua_settop(L, 2);
  check_reachable(L, q, function);
  return q->interp ? put_reference(L, handle, timeout, full) : put_message(L, q, timeout, full);
}

// queue:put(item[, timeout]) -> true | nil, "timeout"|"closed"
static int m_put(lua_State *L) {
  object_check(L, SYNC_QUEUE, "queue:put");
  return put(L, "queue:put", loop_timeout(L, 3, "queue:put"), "timeout");
}

// queue:try_put(item) -> true | nil, "full"|"closed"
static int m_try_put(lua_State *L) {
  object_check(L, SYNC_QUEUE, "queue:try_put");
  return put(L, "queue:try_put", 0, "full");
}

// get ------------------------------------------------------------------------------------------

static bool get_attempt(void *object, struct park_self *self) {
  return sync_queue_get(object, self);
}
static void get_leave(void *object, struct park_self *self) {
  sync_queue_leave(object, self, SYNC_GETTERS);
}

static int decode_block(lua_State *L) {
  const struct sync_message *m = lua_touserdata(L, 1);
  return value_decode(L, arena_at(m->block), m->size);
}

static void push_message(lua_State *L, const struct sync_message *m) {
  if (m->block == 0) {
    unsigned char bytes[SYNC_INLINE]; // decoding may run Lua code, which may get another message
    size_t size = incoming.len;
    memcpy(bytes, incoming.data, size);
    value_decode(L, bytes, size);
    return;
  }
  struct sync_message large = *m;
  lua_pushcfunction(L, decode_block);
  lua_pushlightuserdata(L, &large);
  int status = lua_pcall(L, 1, 1, 0);
  arena_free(large.block);
  if (status != LUA_OK) lua_error(L);
}

static int get_result(lua_State *L, struct park_self *self, bool got_it, const char *empty) {
  if (!got_it) return object_timed_out(L, empty);
  if (self->closed) return object_timed_out(L, "closed");
  if (self->number == SYNC_RECODE)
    push_message(L, self->out);
  else
    fetch_item(L, lua_touserdata(L, 1), self->number);
  return 1;
}

static int get_finish(lua_State *L, void *object, struct park_self *self, bool got_it) {
  (void)object;
  return get_result(L, self, got_it, "timeout");
}

static const struct loop_op get_op = {"queue:get", get_attempt, get_leave, get_finish,
                                      object_describe};

static struct park_self getter(void) {
  got.into = &incoming;
  return (struct park_self){.out = &got};
}

// queue:get([timeout]) -> item | nil, "timeout"|"closed"
static int m_get(lua_State *L) {
  struct sync_handle *handle = object_check(L, SYNC_QUEUE, "queue:get");
  double timeout = loop_timeout(L, 2, "queue:get");
  check_reachable(L, queue_of(handle), "queue:get");
  struct park_self ask = getter();
  return loop_block(L, &get_op, handle->object, &ask, timeout);
}

// queue:try_get() -> item | nil, "empty"|"closed"
static int m_try_get(lua_State *L) {
  struct sync_handle *handle = object_check(L, SYNC_QUEUE, "queue:try_get");
  check_reachable(L, queue_of(handle), "queue:try_get");
  struct park_self ask = getter();
  bool any = sync_queue_get(queue_of(handle), &ask);
  return get_result(L, &ask, any, "empty");
}

// The iterator of items(): false is an item, nil ends the loop.
static int next_item(lua_State *L) {
  lua_settop(L, 1);
  struct sync_handle *handle = lua_touserdata(L, 1);
  struct park_self ask = getter();
  return loop_block(L, &get_op, handle->object, &ask, -1);
}

// queue:items() -> iterator until it is closed and empty
static int m_items(lua_State *L) {
  object_check(L, SYNC_QUEUE, "queue:items");
  check_reachable(L, queue_of(lua_touserdata(L, 1)), "queue:items");
  lua_pushcfunction(L, next_item);
  lua_pushvalue(L, 1);
  return 2;
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

// queue.new([maxsize][, shared]) -> a new queue; its options are read in Lua
static int f_new(lua_State *L) {
  lua_Integer maxsize = luaL_optinteger(L, 1, 0);
  struct sync_queue *q =
      sync_queue_create((uint64_t)maxsize, lua_toboolean(L, 2) ? 0 : my_interp());
  object_push_new(L, (struct sync_object *)q);
  return 1;
}

static const luaL_Reg methods[] = {
    {"__close", m_close},   {"__len", m_size},      {"close", m_close}, {"empty", m_empty},
    {"full", m_full},       {"get", m_get},         {"items", m_items}, {"join", m_join},
    {"maxsize", m_maxsize}, {"put", m_put},         {"size", m_size},   {"task_done", m_task_done},
    {"try_get", m_try_get}, {"try_put", m_try_put}, {NULL, NULL},
};

static const luaL_Reg functions[] = {{"new", f_new}, {NULL, NULL}};

// The calling thread ends: its buffers are given back.
void queue_thread_end(void) {
  buffer_free(&outgoing);
  buffer_free(&incoming);
}

// Lets queues cross between interpreters. Once per process.
void queue_cross(void) {
  sync_set_drop(value_drop);
  object_set_cross(SYNC_QUEUE, cross);
}

// Opens heddle.native.queue.
int luaopen_heddle_native_queue(lua_State *L) {
  object_open(L, SYNC_QUEUE, methods);
  if (luaL_newmetatable(L, PENDING_META)) {
    lua_pushcfunction(L, pending_gc);
    lua_setfield(L, -2, "__gc");
  }
  lua_pop(L, 1);
  luaL_newlib(L, functions);
  luaL_getmetatable(L, "heddle.queue");
  lua_getfield(L, -1, "methods");
  lua_setfield(L, -3, "methods");
  lua_pop(L, 1);
  return 1;
}
