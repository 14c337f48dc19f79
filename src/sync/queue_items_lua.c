// The items of a queue of references. They are in a table, the handle's uservalue 1: of a queue
// that is first in, first out, a ring in which item number n is at n % capacity + 1; of another,
// item number n is at n + 1.
#include "loop/misuse_lua.h"
#include "sync/queue_lua.h"
#include "value/value.h"

enum { FIRST_CAPACITY = 16, SHRINK_FROM = 1024 };

struct sync_queue *queue_of(const struct sync_handle *handle) {
  return (struct sync_queue *)handle->object;
}

// This interpreter's id.
uint32_t queue_interp(void) { return loop_self ? loop_self->interp->id : 0; }

static uint64_t size_of(const struct sync_queue *q) { return q->puts - q->gets; }

// the ring -------------------------------------------------------------------------------------

static void change_capacity(lua_State *L, int queue, uint64_t capacity) {
  struct sync_handle *handle = lua_touserdata(L, queue);
  const struct sync_queue *q = queue_of(handle);
  lua_createtable(L, (int)capacity, 0);
  lua_getiuservalue(L, queue, 1);
  for (uint64_t n = q->gets; n < q->puts && handle->own; n++) {
    lua_rawgeti(L, -1, (lua_Integer)(n % handle->own) + 1);
    lua_rawseti(L, -3, (lua_Integer)(n % capacity) + 1);
  }
  for (uint64_t i = size_of(q); i < capacity; i++) {
    lua_pushboolean(L, 0);
    lua_rawseti(L, -3, (lua_Integer)((q->gets + i) % capacity) + 1);
  }
  lua_pop(L, 1);
  lua_setiuservalue(L, queue, 1);
  handle->own = capacity;
}

// Before a put: the table takes one more item.
void queue_make_room(lua_State *L, int queue) {
  struct sync_handle *handle = lua_touserdata(L, queue);
  const struct sync_queue *q = queue_of(handle);
  if (q->order == SYNC_FIFO && size_of(q) >= handle->own)
    change_capacity(L, queue, handle->own ? handle->own * 2 : FIRST_CAPACITY);
}

static void push_items(lua_State *L, int queue) {
  if (lua_getiuservalue(L, queue, 1) == LUA_TTABLE) return;
  lua_pop(L, 1);
  lua_newtable(L);
  lua_pushvalue(L, -1);
  lua_setiuservalue(L, queue, 1);
}

// After a put: keeps the value at `item` as item `number`. While the put waited, the table may have
// become smaller.
void queue_store(lua_State *L, int queue, uint64_t number, int item) {
  struct sync_handle *handle = lua_touserdata(L, queue);
  const struct sync_queue *q = queue_of(handle);
  if (q->order == SYNC_FIFO) {
    uint64_t capacity = handle->own ? handle->own : FIRST_CAPACITY;
    while (capacity < size_of(q))
      capacity *= 2;
    if (capacity != handle->own) change_capacity(L, queue, capacity);
    number %= capacity;
  } else if (number >= handle->own) {
    handle->own = number + 1;
  }
  push_items(L, queue);
  lua_pushvalue(L, item);
  lua_rawseti(L, -2, (lua_Integer)number + 1);
  lua_pop(L, 1);
}

// After a get: pushes item `number`, and forgets it.
void queue_fetch(lua_State *L, int queue, uint64_t number) {
  struct sync_handle *handle = lua_touserdata(L, queue);
  const struct sync_queue *q = queue_of(handle);
  if (q->order == SYNC_FIFO) number %= handle->own;
  lua_getiuservalue(L, queue, 1);
  lua_rawgeti(L, -1, (lua_Integer)number + 1);
  lua_pushboolean(L, 0);
  lua_rawseti(L, -3, (lua_Integer)number + 1);
  lua_replace(L, -2);
  if (size_of(q) > 0 || handle->own <= SHRINK_FROM) return;
  if (q->order == SYNC_FIFO) {
    change_capacity(L, queue, FIRST_CAPACITY);
  } else {
    handle->own = 0;
    lua_pushnil(L);
    lua_setiuservalue(L, queue, 1);
  }
}

// handing over ---------------------------------------------------------------------------------

// A queue of another interpreter's references: inherited by a fork, never handed over. Empty, it
// may be used.
void queue_check_reachable(lua_State *L, struct sync_queue *q, const char *function) {
  if (q->interp == 0 || q->interp == queue_interp() || sync_queue_share_empty(q)) return;
  loop_misuse(L, "queue-not-shared",
              "%s: the queue holds references of the process that made it; pass it as an "
              "argument (or make it with "
              "{shared=true}) instead of inheriting it",
              function);
}

// The value on top of the stack as a message that goes into a queue: in a block where it is large,
// or `always`. Pops it.
static struct sync_message encode_item(lua_State *L, struct buffer *bytes, bool always) {
  bytes->len = 0;
  value_encode(L, lua_gettop(L), 1, "item", bytes);
  lua_pop(L, 1);
  struct sync_message m = {.bytes = bytes->data, .size = bytes->len};
  if (m.size <= SYNC_INLINE && !always) return m;
  m.block = sync_block(m.bytes, m.size);
  if (m.block) return m;
  value_drop(m.bytes, m.size);
  luaL_error(L, "not enough shared memory");
  return m;
}

static void push_item(lua_State *L, int queue, uint64_t place) {
  lua_getiuservalue(L, queue, 1);
  lua_rawgeti(L, -1, (lua_Integer)place + 1);
  lua_replace(L, -2);
}

static void encode_ring(lua_State *L, int index, struct buffer *bytes) {
  struct sync_handle *handle = lua_touserdata(L, index);
  struct sync_queue *q = queue_of(handle);
  for (uint64_t n = q->gets; n < q->puts; n++) {
    push_item(L, index, n % handle->own);
    struct sync_message m = encode_item(L, bytes, false);
    if (!sync_queue_append(q, &m)) luaL_error(L, "not enough shared memory");
  }
}

// Encoding runs finalizers, which may put and get: goes on until every item has its message.
static void encode_ranked(lua_State *L, int index, struct buffer *bytes) {
  struct sync_queue *q = queue_of(lua_touserdata(L, index));
  bool any = true;
  while (any) {
    any = false;
    for (uint32_t slot = 0; slot < sync_heap_slots(q->heap); slot++) {
      uint64_t arrival = sync_heap_bare(q->heap, slot);
      if (arrival == 0) continue;
      any = true;
      push_item(L, index, slot);
      struct sync_message m = encode_item(L, bytes, true);
      if (slot >= sync_heap_slots(q->heap) || !sync_heap_dress(q->heap, slot, arrival, &m))
        sync_drop_block(m.block, m.size);
    }
  }
}

// When the queue is handed to another interpreter, what it holds is turned into messages.
static void share(lua_State *L, int index, struct buffer *bytes) {
  struct sync_queue *q = queue_of(lua_touserdata(L, index));
  queue_check_reachable(L, q, "queue");
  if (q->interp == 0) return;
  if (q->order == SYNC_FIFO)
    encode_ring(L, index, bytes);
  else
    encode_ranked(L, index, bytes);
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
  if (q->interp == queue_interp()) sync_queue_discard(q);
  lua_error(L);
}

// Lets queues cross between interpreters. Once per process.
void queue_cross_references(void) { object_set_cross(SYNC_QUEUE, cross); }
