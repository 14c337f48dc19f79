// heddle.native.watch: what lives in the whole program, for heddle.ps and its like.
#include "worker/watch_lua.h"
#include "base/clock.h"
#include "sync/lock.h"
#include "worker/handles_lua.h"

#include <stdio.h>
#include <string.h>

static const char *const states[] = {"pending", "running", "blocked"};

static void set_flag(lua_State *L, const char *key, bool value) {
  lua_pushboolean(L, value);
  lua_setfield(L, -2, key);
}

static void set_wait(lua_State *L, uint64_t object, int64_t since, bool timed) {
  if (object) watch_set_integer(L, "object", (lua_Integer)object);
  if (timed) set_flag(L, "timed", true);
  if (since == 0) return;
  lua_pushnumber(L, clock_seconds(clock_now() - since));
  lua_setfield(L, -2, "since");
}

static struct watch_place place_of(uint32_t seat) {
  uint32_t used = program_seat(seat)->used;
  return (struct watch_place){seat, used ? program_process(used - 1)->pid : 0,
                              program_seat(seat)->tid};
}

static void set_place(lua_State *L, const struct watch_place *place) {
  watch_set_integer(L, "seat", place->seat);
  if (place->pid) watch_set_integer(L, "pid", place->pid);
  watch_set_integer(L, "tid", place->tid);
}

// tasks ----------------------------------------------------------------------------------------

// Appends a task's row to the list on top of the stack.
void watch_add_task(lua_State *L, const struct task_view *v, const struct watch_place *place) {
  lua_createtable(L, 0, 12);
  watch_set_text(L, "model", "task", 4);
  watch_set_integer(L, "id", v->id);
  watch_set_text(L, "name", v->name, sizeof v->name);
  watch_set_text(L, "state", states[v->state % 3], 8);
  set_place(L, place);
  set_flag(L, "main", v->main);
  if (v->where[0]) watch_set_text(L, "where", v->where, sizeof v->where);
  if (v->job) watch_set_integer(L, "job", v->job - 1);
  if (v->kind[0]) watch_set_text(L, "kind", v->kind, sizeof v->kind);
  if (v->internal) set_flag(L, "internal", true);
  if (v->lock) set_flag(L, "lock", true);
  if (v->state == VIEW_BLOCKED) {
    watch_set_text(L, "waits_for", v->what, sizeof v->what);
    set_wait(L, v->object, v->since, v->timed);
  }
  watch_add_row(L);
}

// [list][block][seat]
static int add_tasks(lua_State *L) {
  const struct watch_block *block = lua_touserdata(L, 2);
  struct watch_place place = place_of((uint32_t)lua_tointeger(L, 3));
  lua_settop(L, 1);
  for (uint32_t i = 0; i < block->count; i++)
    watch_add_task(L, &block->tasks[i], &place);
  return 0;
}

// The same for a task that waits, as its record says.
void watch_add_record(lua_State *L, const struct park_record *r, const struct watch_place *place) {
  lua_createtable(L, 0, 12);
  watch_set_text(L, "model", "task", 4);
  watch_set_integer(L, "id", r->task);
  watch_set_text(L, "name", park_who(r), PARK_TEXTS);
  watch_set_text(L, "state", states[VIEW_BLOCKED], 8);
  set_place(L, place);
  watch_set_text(L, "waits_for", park_what(r), PARK_TEXTS);
  if (*park_where(r)) watch_set_text(L, "where", park_where(r), PARK_TEXTS);
  if (r->lock) set_flag(L, "lock", true);
  set_wait(L, r->object, r->since, r->timed != 0);
  watch_add_row(L);
}

// A loop that did not answer: those of its tasks that wait have said so when it last slept.
static void add_records(lua_State *L, uint32_t seat) {
  struct watch_place place = place_of(seat);
  for (uint32_t i = 1; i < arena->wait_top; i++) {
    const struct park_record *r = park_record(i);
    if (r->seat == seat + 1 && r->ticket != PARK_NOBODY && r->described)
      watch_add_record(L, r, &place);
  }
}

static void add_loop(lua_State *L, uint32_t seat, uint32_t turn) {
  struct watch_block *block = watch_take(seat, turn);
  if (!block) {
    add_records(L, seat);
    return;
  }
  lua_pushcfunction(L, add_tasks);
  lua_pushvalue(L, -2);
  lua_pushlightuserdata(L, block);
  lua_pushinteger(L, seat);
  int status = lua_pcall(L, 3, 0, 0);
  watch_give_back(seat, block);
  if (status != LUA_OK) lua_error(L);
}

static bool has_loop(const struct program_seat *seat) {
  return seat->used && !(seat->flags & SEAT_NO_LOOP);
}

// threads, isolates, processes -----------------------------------------------------------------

static void add_root(lua_State *L) {
  lua_createtable(L, 0, 8);
  watch_set_text(L, "model", "process", 7);
  watch_set_integer(L, "id", arena->root_id);
  watch_set_text(L, "name", "main", 4);
  struct watch_place place = place_of(arena->root_seat);
  set_place(L, &place);
  watch_add_row(L);
}

static bool is_live(const struct worker *w) {
  return w->head.kind == SYNC_WORKER && !w->ended && !w->standing && (w->seat || w->process);
}

static void add_worker(lua_State *L, const struct worker *w) {
  uint32_t seat = w->seat;
  lua_createtable(L, 0, 12);
  watch_set_text(L, "model", worker_kind(w), 8);
  watch_set_integer(L, "id", w->id);
  watch_set_text(L, "name", w->head.name, sizeof w->head.name);
  watch_set_integer(L, "parent", w->parent);
  watch_set_text(L, "state", worker_status(w), 8);
  struct watch_place place = seat ? place_of(seat - 1) : (struct watch_place){0};
  if (seat) set_place(L, &place);
  if (w->model == MODEL_PROCESS && w->pid) watch_set_integer(L, "pid", w->pid);
  watch_add_row(L);
}

static void add_workers(lua_State *L) {
  for (uint32_t i = 0; i < arena->cell_top; i++) {
    const struct worker *w = arena_at(ARENA_CELL_AT + (uint64_t)i * ARENA_CELL);
    if (is_live(w)) add_worker(L, w);
  }
}

// [turn]: the list of rows
static int rows(lua_State *L) {
  uint32_t turn = (uint32_t)lua_tointeger(L, 1);
  lua_newtable(L);
  add_root(L);
  add_workers(L);
  for (uint32_t i = 0; i < arena->seat_top; i++)
    if (has_loop(program_seat(i))) add_loop(L, i, turn);
  return 1;
}

// watch.rows() -> a list of what lives: {model=, id=, name=, pid=, tid=, state=, waits_for=,
// where=, since=, object=, timed=, seat=, main=, parent=}
static int f_rows(lua_State *L) {
  uint32_t turn = watch_ask();
  watch_wait(turn);
  lua_pushcfunction(L, rows);
  lua_pushinteger(L, turn);
  int status = lua_pcall(L, 1, 1, 0);
  watch_end(turn);
  return status == LUA_OK ? 1 : lua_error(L);
}

// locks ----------------------------------------------------------------------------------------

static bool is_lock(const struct sync_object *object) {
  return object->kind == SYNC_LOCK || object->kind == SYNC_RLOCK || object->kind == SYNC_RWLOCK ||
         object->kind == SYNC_SEMAPHORE;
}

// What a lock was like at one moment.
struct lock_view {
  const char *kind;
  char name[128], state[128];
  uint32_t holder, holder_pid; // a task and its process; 0: nobody
};

static void read_lock(struct sync_object *object, struct lock_view *v) {
  uint32_t process;
  *v = (struct lock_view){.kind = object_kind_name(object)};
  sync_label(object, v->name, sizeof v->name);
  sync_classes[object->kind]->describe(object, v->state, sizeof v->state);
  if (object->kind != SYNC_LOCK && object->kind != SYNC_RLOCK) return;
  if (sync_lock_holder((const struct sync_lock *)object, &process, &v->holder))
    v->holder_pid = (uint32_t)program_process(process)->pid;
}

// Looks at what is in a cell. False when that is no lock, or on its way out. Nothing may be made in
// Lua meanwhile: its collector gives locks up.
static bool view_lock(struct sync_object *object, struct lock_view *v) {
  if (!is_lock(object) || !sync_hold(object)) return false;
  bool lock = is_lock(object);
  if (lock) read_lock(object, v);
  sync_release(object);
  return lock;
}

static void add_lock(lua_State *L, uint64_t offset, const struct lock_view *v) {
  lua_createtable(L, 0, 8);
  watch_set_integer(L, "object", (lua_Integer)offset);
  watch_set_text(L, "kind", v->kind, 16);
  watch_set_text(L, "name", v->name, sizeof v->name);
  watch_set_text(L, "state", v->state, sizeof v->state);
  if (v->holder_pid) {
    watch_set_integer(L, "holder", v->holder);
    watch_set_integer(L, "holder_pid", v->holder_pid);
  }
  watch_add_row(L);
}

// watch.locks() -> a list of the program's locks: {object=, kind=, name=, state=, holder=,
// holder_pid=}
static int f_locks(lua_State *L) {
  lua_newtable(L);
  for (uint32_t i = 0; i < arena->cell_top; i++) {
    uint64_t offset = ARENA_CELL_AT + (uint64_t)i * ARENA_CELL;
    struct lock_view v;
    if (view_lock(arena_at(offset), &v)) add_lock(L, offset, &v);
  }
  return 1;
}

// watch.waiters() -> a list of those in line: {object=, task=, arrival=}
static int f_waiters(lua_State *L) {
  lua_newtable(L);
  for (uint32_t i = 1; i < arena->wait_top; i++) {
    const struct park_record *r = park_record(i);
    uint64_t object = r->object;
    if (r->seat == 0 || object == 0 || r->ticket == PARK_NOBODY) continue;
    lua_createtable(L, 0, 3);
    watch_set_integer(L, "object", (lua_Integer)object);
    watch_set_integer(L, "task", r->task);
    watch_set_integer(L, "arrival", (lua_Integer)r->arrival);
    watch_add_row(L);
  }
  return 1;
}

static const luaL_Reg functions[] = {
    {"locks", f_locks}, {"rows", f_rows}, {"waiters", f_waiters}, {NULL, NULL}};

// Opens heddle.native.watch.
int luaopen_heddle_native_watch(lua_State *L) {
  luaL_newlib(L, functions);
  return 1;
}
