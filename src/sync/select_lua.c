// queue.select: a task stands in the lines of several queues at once, with a waiter record in each.
// Whichever queue lets it go on gives it an item; then it leaves all other lines, and each of those
// queues kicks its next waiter. Stands on: queue_lua.
#include "base/clock.h"
#include "base/program.h"
#include "loop/misuse_lua.h"
#include "sync/bindings_lua.h"
#include "sync/queue_lua.h"

#include <stdio.h>

struct place {
  struct sync_queue *queue;
  uint32_t record; // in its line; 0: none
  bool drained;    // and closed: nothing will ever come
};

// A task that waits, as userdata at FIRST - 1; its queues are on its stack from FIRST on.
struct selection {
  uint32_t count, open; // open: places not drained
  uint32_t picked;      // the place that gave the item
  struct place places[];
};

enum { LIST = 1, FIRST = 3 };

// chance ---------------------------------------------------------------------------------------

static _Thread_local uint64_t chance;

// A number below n, by xorshift64 (Marsaglia 2003).
static uint32_t random_below(uint32_t n) {
  if (chance == 0) chance = (uint64_t)clock_now() * 2 + 1 + program_seat_index;
  chance ^= chance << 13;
  chance ^= chance >> 7;
  chance ^= chance << 17;
  return (uint32_t)(((chance >> 32) * n) >> 32);
}

// without waiting ------------------------------------------------------------------------------

static struct sync_queue *queue_at(lua_State *L, uint32_t i) {
  return queue_of(lua_touserdata(L, FIRST + (int)i));
}

// A look without the guard. What another thread puts meanwhile may be missed.
static bool has_item(struct sync_queue *q) {
  return atomic_load_explicit(&q->puts, memory_order_acquire) !=
         atomic_load_explicit(&q->gets, memory_order_acquire);
}

static bool is_drained(struct sync_queue *q) {
  return atomic_load_explicit(&q->closed, memory_order_acquire) && !has_item(q);
}

// One of the queues that have items, each as likely as the others; `count`: none.
static uint32_t any_ready(lua_State *L, uint32_t count) {
  uint32_t seen = 0, picked = count;
  for (uint32_t i = 0; i < count; i++)
    if (has_item(queue_at(L, i)) && random_below(++seen) == 0) picked = i;
  return picked;
}

static bool all_drained(lua_State *L, uint32_t count) {
  for (uint32_t i = 0; i < count; i++)
    if (!is_drained(queue_at(L, i))) return false;
  return true;
}

// Takes what is there now. Returns the queue's place; `count`: nothing was.
static uint32_t take_now(lua_State *L, uint32_t count, struct park_self *ask) {
  uint32_t start = any_ready(L, count);
  for (uint32_t k = 0; k < count && start < count; k++) {
    uint32_t i = (start + k) % count;
    *ask = queue_getter();
    if (has_item(queue_at(L, i)) && sync_queue_get(queue_at(L, i), ask) && !ask->closed) return i;
  }
  return count;
}

static int push_result(lua_State *L, uint32_t picked, struct park_self *self) {
  int queue = FIRST + (int)picked;
  lua_pushvalue(L, queue);
  if (self->number == SYNC_RECODE)
    queue_push_message(L, self->out);
  else
    queue_fetch(L, queue, self->number);
  return 2;
}

// waiting --------------------------------------------------------------------------------------

static enum park_woken kicked(const struct place *place) {
  return place->record ? park_record(place->record)->woken : PARK_NOT_WOKEN;
}

static void leave_all(struct selection *s, const struct park_self *self) {
  for (uint32_t i = 0; i < s->count; i++) {
    struct park_self one = *self;
    one.record = s->places[i].record;
    s->places[i].record = 0;
    if (one.record) sync_queue_leave(s->places[i].queue, &one, SYNC_GETTERS);
  }
}

// Tries one queue, and stands in its line from then on. Returns whether it gave an item.
static bool try_place(struct selection *s, uint32_t i, struct park_self *self) {
  struct place *place = &s->places[i];
  struct park_self one = *self;
  if (place->drained) return false;
  if (place->record) park_record(place->record)->woken = PARK_NOT_WOKEN;
  one.record = place->record;
  bool got = sync_queue_get(place->queue, &one);
  place->record = one.record;
  if (got && one.closed) {
    place->drained = true;
    s->open--;
    return false;
  }
  if (!got) return false;
  s->picked = i;
  self->number = one.number;
  return true;
}

// The first that was kicked goes before those kicked later, and these before all others: a kick may
// have been lost with a process.
static bool try_all(struct selection *s, struct park_self *self) {
  static const enum park_woken order[] = {PARK_WOKEN_FIRST, PARK_WOKEN_LATER, PARK_NOT_WOKEN};
  uint32_t start = random_below(s->count);
  for (int turn = 0; turn < 3; turn++)
    for (uint32_t k = 0; k < s->count; k++) {
      uint32_t i = (start + k) % s->count;
      if (kicked(&s->places[i]) == order[turn] && try_place(s, i, self)) return true;
    }
  return false;
}

// The task's record, for all who see but one, is the first; the others are beside it.
static void choose_record(struct selection *s, struct park_self *self) {
  self->record = 0;
  for (uint32_t i = 0; i < s->count; i++) {
    uint32_t record = s->places[i].record;
    if (record == 0) continue;
    park_record(record)->beside = self->record != 0;
    if (self->record == 0) self->record = record;
  }
}

static bool attempt(void *object, struct park_self *self) {
  struct selection *s = object;
  if (!self->enlist) return false; // it has just been tried
  bool got = try_all(s, self);
  if (got) leave_all(s, self);
  choose_record(s, self);
  self->closed = s->open == 0;
  return got || self->closed;
}

static void leave(void *object, struct park_self *self) {
  leave_all(object, self);
  self->record = 0;
}

static int finish(lua_State *L, void *object, struct park_self *self, bool got) {
  if (!got || self->closed) return object_timed_out(L, got ? "closed" : "timeout");
  return push_result(L, ((struct selection *)object)->picked, self);
}

static void describe(void *object, char *text, size_t size) {
  snprintf(text, size, "select of %u queues", ((struct selection *)object)->count);
}

static const struct loop_op select_op = {.name = "queue.select",
                                         .attempt = attempt,
                                         .leave = leave,
                                         .finish = finish,
                                         .describe = describe};

static int wait(lua_State *L, uint32_t count, double timeout) {
  size_t size = sizeof(struct selection) + count * sizeof(struct place);
  struct selection *s = lua_newuserdatauv(L, size, 0);
  lua_replace(L, FIRST - 1);
  s->count = s->open = count;
  for (uint32_t i = 0; i < count; i++)
    s->places[i] = (struct place){.queue = queue_at(L, i)};
  struct park_self ask = queue_getter();
  return loop_block(L, &select_op, s, &ask, timeout);
}

// the function ---------------------------------------------------------------------------------

static uint32_t push_queues(lua_State *L) {
  if (lua_type(L, LIST) != LUA_TTABLE)
    loop_misuse(L, "bad-argument", "queue.select: queues: a list of queues expected, got %s",
                loop_typename(L, LIST));
  lua_Unsigned count = lua_rawlen(L, LIST);
  if (count == 0)
    loop_misuse(L, "no-queues",
                "queue.select: queues: a list of at least one queue expected, got "
                "an empty one (nothing would ever come)");
  if (count > INT32_MAX / 2) luaL_error(L, "too many queues");
  lua_settop(L, FIRST - 1);
  luaL_checkstack(L, (int)count + 8, "too many queues");
  for (int i = 1; i <= (int)count; i++) {
    lua_rawgeti(L, LIST, i);
    struct sync_handle *handle = object_test(L, -1, SYNC_QUEUE);
    if (!handle)
      loop_misuse(L, "bad-argument", "queue.select: queues[%d]: a queue expected, got %s", i,
                  loop_typename(L, -1));
    queue_check_reachable(L, queue_of(handle), "queue.select");
  }
  return (uint32_t)count;
}

// queue.select(queues[, timeout]) -> queue, item | nil, "timeout"|"closed"
int queue_f_select(lua_State *L) {
  double timeout = loop_timeout(L, 2, "queue.select");
  struct park_self ask;
  uint32_t count = push_queues(L);
  if (loop_may_block(L)) binding_raise_pending(L);
  uint32_t picked = take_now(L, count, &ask);
  if (picked < count) return push_result(L, picked, &ask);
  if (all_drained(L, count)) return object_timed_out(L, "closed");
  if (timeout == 0) return object_timed_out(L, "timeout");
  return wait(L, count, timeout);
}
