// Items as messages: written before a put, kept while it waits, read after a get.
#include "base/program.h"
#include "loop/misuse_lua.h"
#include "sync/queue_lua.h"
#include "value/value.h"

#include <string.h>

enum { KEPT = 1 << 20 };

#define PENDING_META "heddle.pending"

// This thread's own: where a message is written before a put, and where a small one is copied to by
// a get. Encoding, decoding and allocating may run finalizers, which may put and get as well: what
// is in them is never needed across these, and `outgoing` is empty then.
static _Thread_local struct buffer outgoing, incoming;
static _Thread_local struct sync_message got;

// A message, or the rank of a reference, that waits for room. What it holds is given back when its
// put ends without having put it, at the latest when it is collected.
struct pending {
  struct sync_message message;
  uint32_t process; // whose it is: a forked child has copies
  bool sent;
  char bytes[];
};

// put ------------------------------------------------------------------------------------------

// Whether what a put brings is no message, at most the rank of a reference.
bool queue_is_reference(const struct sync_message *message) {
  return !message || (!message->bytes && !message->block);
}

// A put that waited has put what is on top of the stack.
void queue_mark_sent(lua_State *L) {
  struct pending *pending = luaL_testudata(L, -1, PENDING_META);
  if (pending) pending->sent = true;
}

static void give_back(struct pending *pending) {
  if (pending->sent || pending->process != program_slot) return;
  pending->sent = true;
  const struct sync_message *m = &pending->message;
  if (m->bytes) value_take_back(m->block ? arena_at(m->block) : m->bytes, m->size);
  arena_free(m->block);
}

// What a put brought, and may have waited with, is not put after all.
void queue_give_back(struct sync_message *message) {
  if (queue_is_reference(message)) return;
  give_back((struct pending *)((char *)message - offsetof(struct pending, message)));
}

static int pending_gc(lua_State *L) {
  give_back(luaL_checkudata(L, 1, PENDING_META));
  return 0;
}

static struct pending *push_pending(lua_State *L, const struct sync_message *message,
                                    const void *bytes, size_t size) {
  struct pending *p = lua_newuserdatauv(L, sizeof *p + size, 0);
  p->message = *message;
  if (bytes) {
    memcpy(p->bytes, bytes, size);
    p->message.bytes = p->bytes;
  }
  p->process = program_slot;
  p->sent = false;
  luaL_setmetatable(L, PENDING_META);
  return p;
}

// Pushes the message in `outgoing` as something that may wait and be given back. It is taken out of
// there first: making a userdata may run finalizers, which may put.
static struct pending *push_outgoing(lua_State *L, struct sync_rank rank) {
  unsigned char bytes[SYNC_INLINE];
  struct sync_message message = {.size = outgoing.len, .rank = rank, .bytes = bytes};
  outgoing.len = 0;
  bool large = message.size > SYNC_INLINE;
  if (large)
    message.block = sync_block(outgoing.data, message.size);
  else
    memcpy(bytes, outgoing.data, message.size);
  if (large && message.block == 0) {
    value_take_back(outgoing.data, message.size);
    luaL_error(L, "not enough shared memory for the item");
  }
  buffer_trim(&outgoing, KEPT);
  return push_pending(L, &message, bytes, large ? 0 : message.size);
}

static int refuse_put(lua_State *L, const struct park_self *ask, const char *reason) {
  value_take_back(outgoing.data, outgoing.len);
  outgoing.len = 0;
  return object_timed_out(L, ask->closed ? "closed" : reason);
}

static int put_pending(lua_State *L, void *object, const struct pending *pending,
                       const struct queue_put *how) {
  struct park_self ask = {.in = (void *)&pending->message};
  if (how->timeout != 0) return loop_block(L, how->op, object, &ask, how->timeout);
  if (how->op->attempt(object, &ask)) return how->op->finish(L, object, &ask, true);
  queue_give_back(ask.in);
  return object_timed_out(L, how->full);
}

// Puts a copy of the value at index 2; the object is kept alive by what is at 1. Tail position.
int queue_put_message(lua_State *L, void *object, const struct queue_put *how) {
  struct park_self ask = {0};
  value_encode(L, 2, 1, "item", &outgoing);
  if (outgoing.len <= SYNC_INLINE) {
    struct sync_message message = {.bytes = outgoing.data, .size = outgoing.len, .rank = how->rank};
    ask.in = &message;
    if (how->op->attempt(object, &ask) && !ask.closed) {
      outgoing.len = 0;
      lua_pushboolean(L, 1);
      return 1;
    }
    if (ask.closed || how->timeout == 0) return refuse_put(L, &ask, how->full);
  }
  return put_pending(L, object, push_outgoing(L, how->rank), how);
}

// Puts the value at index 2 itself into a queue that orders its items by rank. Tail position.
int queue_put_ranked(lua_State *L, void *object, const struct queue_put *how) {
  struct sync_message message = {.rank = how->rank};
  struct park_self ask = {.in = &message};
  if (how->op->attempt(object, &ask)) return how->op->finish(L, object, &ask, true);
  if (how->timeout == 0) return object_timed_out(L, how->full);
  return put_pending(L, object, push_pending(L, &message, NULL, 0), how);
}

static int keep_message(lua_State *L) {
  const struct sync_rank *rank = lua_touserdata(L, 2);
  value_encode(L, 1, 1, "item", &outgoing);
  push_outgoing(L, rank ? *rank : (struct sync_rank){0});
  return 1;
}

// Turns the reference at index 2, which a waiting put brings, into a message: it is kept on top of
// the stack from now on, and self->in is it. Returns false when it can't be copied.
bool queue_keep_as_message(lua_State *L, struct park_self *self) {
  struct sync_message *old = self->in;
  lua_pushcfunction(L, keep_message);
  lua_pushvalue(L, 2);
  lua_pushlightuserdata(L, old ? &old->rank : NULL);
  if (lua_pcall(L, 2, 1, 0) != LUA_OK) {
    lua_pop(L, 1);
    return false;
  }
  struct pending *pending = lua_touserdata(L, -1);
  self->in = &pending->message;
  return true;
}

// get ------------------------------------------------------------------------------------------

// What a get brings along: where its message is to go.
struct park_self queue_getter(void) {
  got.into = &incoming;
  return (struct park_self){.out = &got};
}

static int decode_block(lua_State *L) {
  const struct sync_message *m = lua_touserdata(L, 1);
  return value_decode(L, arena_at(m->block), m->size);
}

// Pushes the value of a message that a get brought.
void queue_push_message(lua_State *L, const struct sync_message *m) {
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

// The calling thread ends: its buffers are given back.
void queue_thread_end(void) {
  buffer_free(&outgoing);
  buffer_free(&incoming);
}

// Makes the metatable of what waits to be put.
void queue_open_pending(lua_State *L) {
  if (luaL_newmetatable(L, PENDING_META)) {
    lua_pushcfunction(L, pending_gc);
    lua_setfield(L, -2, "__gc");
  }
  lua_pop(L, 1);
}
