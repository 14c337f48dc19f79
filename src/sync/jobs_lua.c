// heddle.native.jobs: what a pool's Lua can't do by itself: jobs and answers as messages of several
// values, and changes of a table in one step, which no other thread of the interpreter comes
// between.
#include "sync/jobs.h"

#include "sync/array.h"
#include "sync/bindings_lua.h"
#include "value/value.h"
#include "value/wire.h"

#include <string.h>

#define TAKER_META "heddle.taker"

enum { KEPT = 1 << 20 };

// This thread's own: where a message is written.
static _Thread_local struct buffer outgoing;

static struct sync_queue *queue_at(lua_State *L, int arg) {
  struct sync_handle *handle = object_test(L, arg, SYNC_QUEUE);
  if (!handle) luaL_argerror(L, arg, "queue expected");
  return (struct sync_queue *)handle->object;
}

// putting --------------------------------------------------------------------------------------

// Writes the values from `first` on as a message, a large one into a block of its own. Raises what
// can't be copied.
static struct sync_message write_message(lua_State *L, int first, const char *root) {
  outgoing.len = 0;
  value_encode(L, first, lua_gettop(L) - first + 1, root, &outgoing);
  struct sync_message m = {.bytes = outgoing.data, .size = outgoing.len};
  if (m.size <= SYNC_INLINE) return m;
  m.block = sync_block(m.bytes, m.size);
  if (m.block == 0) {
    value_take_back(m.bytes, m.size);
    luaL_error(L, "not enough shared memory");
  }
  if (outgoing.cap > KEPT) buffer_free(&outgoing);
  return m;
}

// Gives back what a message holds that nobody will get.
static void drop_message(const struct sync_message *m) {
  value_take_back(m->block ? arena_at(m->block) : m->bytes, m->size);
  arena_free(m->block);
}

// jobs.post(queue, urgent, works, places, work, place, fn or id, ...) -> its number |
// nil, "full"|"closed". In the same step works[number] = work and places[number] = place. Urgent:
// the queue's limit does not count.
static int f_post(lua_State *L) {
  uint64_t number;
  struct sync_queue *q = queue_at(L, 1);
  struct sync_message m = write_message(L, 7, "fn");
  enum jobs_posted posted = jobs_post(q, &m, lua_toboolean(L, 2), &number);
  if (posted != JOBS_POSTED) drop_message(&m);
  if (posted == JOBS_NO_MEMORY) return luaL_error(L, "not enough shared memory for the job");
  if (posted != JOBS_POSTED) return object_timed_out(L, posted == JOBS_FULL ? "full" : "closed");
  lua_pushvalue(L, 5);
  lua_rawseti(L, 3, (lua_Integer)number);
  lua_pushvalue(L, 6);
  lua_rawseti(L, 4, (lua_Integer)number);
  lua_pushinteger(L, (lua_Integer)number);
  return 1;
}

// jobs.answer(queue, quiet, number, ok, ...): quiet: who waits for it learns of it later
static int f_answer(lua_State *L) {
  struct sync_queue *q = queue_at(L, 1);
  struct sync_message m = write_message(L, 3, "results");
  if (jobs_answer(q, &m, lua_toboolean(L, 2))) return 0;
  drop_message(&m);
  return luaL_error(L, "not enough shared memory for the results");
}

// jobs.kick(queue): tells of the quiet answers
static int f_kick(lua_State *L) {
  jobs_kick(queue_at(L, 1));
  return 0;
}

// jobs.taken(queue) -> the number of the last job that was taken
static int f_taken(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)jobs_taken(queue_at(L, 1)));
  return 1;
}

static bool room_attempt(void *object, struct park_self *self) {
  return jobs_wait_for_room(object, self);
}
static void room_leave(void *object, struct park_self *self) {
  sync_queue_leave(object, self, SYNC_PUTTERS);
}

static const struct loop_op room_op = {"pool:submit", room_attempt, room_leave, binding_finish_true,
                                       object_describe};

// jobs.room(queue) -> true: there was room for another, or it is closed
static int f_room(lua_State *L) {
  struct park_self ask = {0};
  return loop_block(L, &room_op, queue_at(L, 1), &ask, -1);
}

// taking ---------------------------------------------------------------------------------------

// jobs.taker(queue[, claims, i]) -> what takes from the queue; the number of what it takes is
// claims[i] before it is taken
static int f_taker(lua_State *L) {
  queue_at(L, 1);
  struct sync_handle *claims = object_test(L, 2, SYNC_ARRAY);
  lua_settop(L, 3);
  struct jobs_taker *taker = lua_newuserdatauv(L, sizeof *taker, 2);
  memset(taker, 0, sizeof *taker);
  luaL_setmetatable(L, TAKER_META);
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, 4, 1);
  lua_pushvalue(L, 2);
  lua_setiuservalue(L, 4, 2);
  if (!claims) return 1;
  const struct sync_array *array = (struct sync_array *)claims->object;
  lua_Integer i = luaL_checkinteger(L, 3);
  luaL_argcheck(L, i >= 1 && (uint64_t)i <= array->length, 3, "outside of the array");
  taker->claim = sync_array_at(array, (uint64_t)i - 1);
  return 1;
}

static int taker_gc(lua_State *L) {
  struct jobs_taker *taker = luaL_checkudata(L, 1, TAKER_META);
  buffer_free(&taker->bytes);
  return 0;
}

static bool take_attempt(void *object, struct park_self *self) { return jobs_take(object, self); }
static void take_leave(void *object, struct park_self *self) {
  sync_queue_leave(object, self, SYNC_GETTERS);
}

struct bytes {
  const unsigned char *data;
  size_t len;
};

static int decode(lua_State *L) {
  const struct bytes *bytes = lua_touserdata(L, 1);
  return value_decode(L, bytes->data, bytes->len);
}

// The number with which an answer begins; 0 if it begins with something else.
static lua_Integer first_number(const struct bytes *bytes) {
  static const size_t sizes[] = {1, 2, 4, 8};
  size_t at = 1;
  uint64_t number = 0;
  while (at < bytes->len && bytes->data[at] & 0x80) // how many values there are
    at++;
  if (++at >= bytes->len) return 0;
  unsigned tag = bytes->data[at];
  if (tag < WIRE_SMALL) return (lua_Integer)tag;
  size_t size = tag >= WIRE_INT8 && tag <= WIRE_INT64 ? sizes[tag - WIRE_INT8] : 0;
  if (at + 1 + size <= bytes->len) memcpy(&number, bytes->data + at + 1, size);
  return (lua_Integer)number;
}

// With the error on top, why an answer can't be decoded: pushes what a failed job's would be.
static int push_unreadable(lua_State *L, lua_Integer number) {
  lua_pushinteger(L, number);
  lua_insert(L, -2);
  lua_pushboolean(L, 0);
  lua_insert(L, -2);
  return 4;
}

// Pushes number and values of what was taken.
static int took(lua_State *L, void *object, struct park_self *self, bool got) {
  (void)object;
  struct jobs_taker *taker = lua_touserdata(L, 1);
  if (!got) return object_timed_out(L, "timeout");
  if (self->closed) return object_timed_out(L, "closed");
  uint64_t block = taker->message.block;
  struct bytes bytes = {block ? arena_at(block) : taker->bytes.data,
                        block ? taker->message.size : taker->bytes.len};
  lua_pushinteger(L, (lua_Integer)taker->place);
  int top = lua_gettop(L);
  lua_pushcfunction(L, decode);
  lua_pushlightuserdata(L, &bytes);
  int status = lua_pcall(L, 1, LUA_MULTRET, 0);
  lua_Integer number = status == LUA_OK || taker->claim ? 0 : first_number(&bytes);
  arena_free(block);
  if (status == LUA_OK) return 1 + lua_gettop(L) - top;
  return taker->claim ? lua_error(L) : push_unreadable(L, number);
}

static const struct loop_op take_op = {"pool:take", take_attempt, take_leave, took,
                                       object_describe};

// taker:take([timeout]) -> number, values... | nil, "timeout"|"closed". Raises what can't be
// decoded; an answer then is that of a failed job.
static int m_take(lua_State *L) {
  struct jobs_taker *taker = luaL_checkudata(L, 1, TAKER_META);
  double timeout = luaL_optnumber(L, 2, -1);
  lua_settop(L, 1);
  lua_getiuservalue(L, 1, 1);
  struct park_self ask = {.out = taker};
  return loop_block(L, &take_op, queue_at(L, 2), &ask, timeout);
}

// taker:number() -> of what it took last
static int m_number(lua_State *L) {
  const struct jobs_taker *taker = luaL_checkudata(L, 1, TAKER_META);
  lua_pushinteger(L, (lua_Integer)taker->place);
  return 1;
}

// tables ---------------------------------------------------------------------------------------

// jobs.swap(table, key, old, new) -> whether it was `old` and is `new` now
static int f_swap(lua_State *L) {
  lua_settop(L, 4);
  lua_pushvalue(L, 2);
  lua_rawget(L, 1);
  bool same = lua_rawequal(L, 3, 5);
  lua_settop(L, 4);
  if (same) {
    lua_pushvalue(L, 2);
    lua_pushvalue(L, 4);
    lua_rawset(L, 1);
  }
  lua_pushboolean(L, same);
  return 1;
}

// jobs.add(table, key, d) -> the sum, which it is now
static int f_add(lua_State *L) {
  lua_settop(L, 3);
  lua_pushvalue(L, 2);
  lua_rawget(L, 1);
  lua_Integer sum = lua_tointeger(L, 4) + lua_tointeger(L, 3);
  lua_settop(L, 2);
  lua_pushinteger(L, sum);
  lua_rawset(L, 1);
  lua_pushinteger(L, sum);
  return 1;
}

// jobs.interpreter() -> the number of this one; a forked child has another
static int f_interpreter(lua_State *L) {
  lua_pushinteger(L, loop_self ? (lua_Integer)loop_self->interp->id : 0);
  return 1;
}

// jobs.id() -> a number as handles have it, unique in the program
static int f_id(lua_State *L) {
  lua_pushinteger(L, atomic_fetch_add(&arena->next_id, 1));
  return 1;
}

static const luaL_Reg taker_methods[] = {
    {"__gc", taker_gc}, {"number", m_number}, {"take", m_take}, {NULL, NULL}};

static const luaL_Reg functions[] = {
    {"add", f_add},     {"answer", f_answer}, {"id", f_id},     {"interpreter", f_interpreter},
    {"kick", f_kick},   {"post", f_post},     {"room", f_room}, {"swap", f_swap},
    {"taken", f_taken}, {"taker", f_taker},   {NULL, NULL},
};

// The calling thread ends: its buffer is given back.
void jobs_thread_end(void) { buffer_free(&outgoing); }

// Opens heddle.native.jobs.
int luaopen_heddle_native_jobs(lua_State *L) {
  if (luaL_newmetatable(L, TAKER_META)) {
    luaL_setfuncs(L, taker_methods, 0);
    lua_pushvalue(L, -1);
    lua_setfield(L, -2, "__index");
  }
  lua_pop(L, 1);
  luaL_newlib(L, functions);
  return 1;
}
