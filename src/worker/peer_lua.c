// heddle.native.peer: what lives in another program, for heddle top.
#include "worker/peer.h"

#include "base/clock.h"
#include "sync/lock.h"
#include "sync/queue.h"
#include "worker/handles_lua.h"
#include "worker/watch_lua.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const meta = "heddle.peer";

static struct peer *self(lua_State *L) {
  struct peer *peer = luaL_checkudata(L, 1, meta);
  if (!peer->memory) luaL_error(L, "peer: it is closed");
  return peer;
}

static void set_seconds(lua_State *L, const char *key, int64_t time) {
  lua_pushnumber(L, clock_seconds(time));
  lua_setfield(L, -2, key);
}

static int32_t pid_at(const struct peer *peer, uint32_t seat) {
  uint32_t used = peer_seat(peer, seat)->used;
  return used ? peer_process(peer, used - 1)->pid : 0;
}

// opening --------------------------------------------------------------------------------------

// peer.open(path) -> peer | nil, "denied" | "foreign" | "other build" | "gone". `path` leads to an
// open arena: /proc/PID/fd/N.
static int f_open(lua_State *L) {
  static const char *const reasons[] = {NULL, "denied", "foreign", "other build", "gone"};
  const char *path = luaL_checkstring(L, 1);
  struct peer *peer = lua_newuserdatauv(L, sizeof *peer, 0);
  *peer = (struct peer){NULL, NULL, -1};
  luaL_setmetatable(L, meta);
  int fd = open(path, O_RDWR | O_CLOEXEC);
  enum peer_failure failure = fd < 0 ? PEER_NO_ACCESS : peer_open(peer, fd);
  if (fd >= 0) close(fd);
  if (failure == PEER_FINE) return 1;
  lua_pushnil(L);
  lua_pushstring(L, reasons[failure]);
  return 2;
}

static bool is_arena(const char *path) {
  char target[64];
  ssize_t n = readlink(path, target, sizeof target);
  return n >= 13 && strncmp(target, "/memfd:heddle", 13) == 0;
}

static int none(lua_State *L, const char *reason) {
  lua_pushnil(L);
  lua_pushstring(L, reason);
  return 2;
}

// peer.find(pid) -> the path of the arena that a process of this user has open | nil, "gone" |
// "denied" | "foreign"
static int f_find(lua_State *L) {
  char path[64];
  struct stat about;
  int pid = (int)luaL_checkinteger(L, 1);
  snprintf(path, sizeof path, "/proc/%d/fd", pid);
  if (stat(path, &about) != 0) return none(L, errno == EACCES ? "denied" : "gone");
  if (about.st_uid != geteuid()) return none(L, "denied");
  DIR *fds = opendir(path);
  if (!fds) return none(L, errno == EACCES ? "denied" : "gone");
  bool found = false;
  for (struct dirent *entry; !found && (entry = readdir(fds));) {
    snprintf(path, sizeof path, "/proc/%d/fd/%.16s", pid, entry->d_name);
    found = is_arena(path);
  }
  closedir(fds);
  if (!found) return none(L, "foreign");
  lua_pushstring(L, path);
  return 1;
}

// peer:close()
static int m_close(lua_State *L) {
  peer_close(luaL_checkudata(L, 1, meta));
  return 0;
}

// peer:root() -> the pid of its first process, whether that lives
static int m_root(lua_State *L) {
  const struct peer *peer = self(L);
  lua_pushinteger(L, peer_head(peer)->root_pid);
  lua_pushboolean(L, peer_lives(peer));
  return 2;
}

// peer:ask([turn]) -> the number of the request for views of all tasks; with a number: those are
// asked again that have not answered
static int m_ask(lua_State *L) {
  struct peer *peer = self(L);
  if (lua_isnoneornil(L, 2)) {
    lua_pushinteger(L, peer_ask(peer));
    return 1;
  }
  peer_nudge(peer, (uint32_t)luaL_checkinteger(L, 2));
  lua_settop(L, 2);
  return 1;
}

// peer:answered(turn) -> whether all have
static int m_answered(lua_State *L) {
  lua_pushboolean(L, peer_answered(self(L), (uint32_t)luaL_checkinteger(L, 2)));
  return 1;
}

// rows -----------------------------------------------------------------------------------------

static void set_seat(lua_State *L, const struct program_seat *seat) {
  watch_set_integer(L, "tid", seat->tid);
  watch_set_integer(L, "jobs_done", (lua_Integer)seat->jobs_done);
  set_seconds(L, "lock_wait", seat->lock_wait);
}

static void add_root(lua_State *L, const struct peer *peer) {
  uint32_t seat = peer_head(peer)->root_seat;
  lua_createtable(L, 0, 8);
  watch_set_text(L, "model", "process", 7);
  watch_set_text(L, "name", "main", 4);
  watch_set_integer(L, "id", peer_head(peer)->root_id);
  watch_set_integer(L, "seat", seat);
  watch_set_integer(L, "pid", peer_head(peer)->root_pid);
  set_seat(L, peer_seat(peer, seat));
  watch_add_row(L);
}

static const char *status_of(const struct peer *peer, uint32_t seat) {
  return seat && peer_seat(peer, seat - 1)->bell != BELL_AWAKE ? "blocked" : "running";
}

static void add_worker(lua_State *L, const struct peer *peer, const struct worker *w) {
  uint32_t seat = w->seat;
  lua_createtable(L, 0, 12);
  watch_set_text(L, "model", worker_kind(w), 8);
  watch_set_integer(L, "id", w->id);
  watch_set_text(L, "name", w->head.name, sizeof w->head.name);
  watch_set_integer(L, "parent", w->parent);
  watch_set_text(L, "state", status_of(peer, seat), 8);
  if (seat) {
    watch_set_integer(L, "seat", seat - 1);
    watch_set_integer(L, "pid", pid_at(peer, seat - 1));
    set_seat(L, peer_seat(peer, seat - 1));
  }
  if (w->model == MODEL_PROCESS && w->pid) watch_set_integer(L, "pid", w->pid);
  watch_add_row(L);
}

// Calls `add` with a copy of each cell of a live object; a copy does not change while it is read.
static void each_object(lua_State *L, const struct peer *peer,
                        void (*add)(lua_State *L, const struct peer *peer, const void *object,
                                    uint64_t offset)) {
  union {
    struct sync_object head;
    char bytes[ARENA_CELL];
  } copy;
  uint32_t top = peer_head(peer)->cell_top;
  for (uint32_t i = 0; i < top && i < ARENA_CELLS; i++) {
    if (peer_cell(peer, i)->kind == SYNC_NONE) continue;
    memcpy(&copy, peer_cell(peer, i), sizeof copy);
    if (copy.head.kind == SYNC_NONE || copy.head.kind >= SYNC_KINDS) continue;
    copy.head.name[sizeof copy.head.name - 1] = 0;
    copy.head.place[sizeof copy.head.place - 1] = 0;
    add(L, peer, &copy, ARENA_CELL_AT + (uint64_t)i * ARENA_CELL);
  }
}

static void add_if_worker(lua_State *L, const struct peer *peer, const void *object,
                          uint64_t offset) {
  const struct worker *w = object;
  (void)offset;
  if (w->head.kind == SYNC_WORKER && w->model <= MODEL_PROCESS && !w->ended && !w->standing &&
      (w->seat || w->process))
    add_worker(L, peer, w);
}

static void add_records(lua_State *L, const struct peer *peer, const struct watch_place *place) {
  uint32_t top = peer_head(peer)->wait_top;
  for (uint32_t i = 1; i < top && i < ARENA_WAITS; i++) {
    struct park_record r;
    memcpy(&r, peer_record(peer, i), sizeof r);
    r.texts[PARK_TEXTS - 1] = 0;
    if (r.seat == place->seat + 1 && r.ticket != PARK_NOBODY && r.described)
      watch_add_record(L, &r, place);
  }
}

// [list of rows][list of loops]: adds one loop's tasks, and its share of the GIL.
static void add_view(lua_State *L, const struct watch_block *block,
                     const struct watch_place *place) {
  lua_createtable(L, 0, 4);
  watch_set_integer(L, "seat", place->seat);
  watch_set_integer(L, "tasks", block->count);
  set_seconds(L, "at", block->at);
  set_seconds(L, "gil_wait", block->gil_wait);
  set_seconds(L, "gil_held", block->gil_held);
  watch_add_row(L);
  lua_pushvalue(L, -2);
  for (uint32_t i = 0; i < block->count; i++)
    watch_add_task(L, &block->tasks[i], place);
  lua_pop(L, 1);
}

struct one_view {
  const struct watch_block *block;
  const struct watch_place *place;
};

static int add_view_safely(lua_State *L) {
  const struct one_view *one = lua_touserdata(L, 3);
  lua_settop(L, 2);
  add_view(L, one->block, one->place);
  return 0;
}

static void add_loop(lua_State *L, const struct peer *peer, uint32_t seat, uint32_t turn) {
  struct watch_place place = {seat, pid_at(peer, seat), peer_seat(peer, seat)->tid};
  struct watch_block *block = peer_copy_view(peer, seat, turn);
  if (!block) {
    lua_pushvalue(L, -2);
    add_records(L, peer, &place);
    lua_pop(L, 1);
    return;
  }
  struct one_view one = {block, &place};
  lua_pushcfunction(L, add_view_safely);
  lua_pushvalue(L, -3);
  lua_pushvalue(L, -3);
  lua_pushlightuserdata(L, &one);
  int status = lua_pcall(L, 3, 0, 0);
  free(block);
  if (status != LUA_OK) lua_error(L);
}

// peer:rows(turn) -> rows as those of heddle.native.watch, a worker's with jobs_done and lock_wait;
// loops that answered: {seat=, at=, tasks=, gil_wait=, gil_held=}
static int m_rows(lua_State *L) {
  const struct peer *peer = self(L);
  uint32_t turn = (uint32_t)luaL_checkinteger(L, 2);
  lua_newtable(L);
  add_root(L, peer);
  each_object(L, peer, add_if_worker);
  lua_newtable(L);
  uint32_t top = peer_head(peer)->seat_top;
  for (uint32_t i = 0; i < top && i < ARENA_SEATS; i++) {
    const struct program_seat *seat = peer_seat(peer, i);
    if (seat->used && !(seat->flags & SEAT_NO_LOOP)) add_loop(L, peer, i, turn);
  }
  return 2;
}

// objects --------------------------------------------------------------------------------------

static void begin_object(lua_State *L, const struct sync_object *object, uint64_t offset) {
  char label[128];
  lua_createtable(L, 0, 8);
  sync_label(object, label, sizeof label);
  watch_set_text(L, "name", label, sizeof label);
  watch_set_integer(L, "object", (lua_Integer)offset);
}

static void add_if_lock(lua_State *L, const struct peer *peer, const void *object,
                        uint64_t offset) {
  const struct sync_object *head = object;
  uint32_t process, task;
  if (head->kind != SYNC_LOCK && head->kind != SYNC_RLOCK) return;
  if (!sync_lock_holder(object, &process, &task)) return;
  begin_object(L, head, offset);
  watch_set_integer(L, "holder", task);
  watch_set_integer(L, "holder_pid", peer_process(peer, process)->pid);
  watch_add_row(L);
}

static void add_if_queue(lua_State *L, const struct peer *peer, const void *object,
                         uint64_t offset) {
  const struct sync_queue *queue = object;
  (void)peer;
  if (queue->head.kind != SYNC_QUEUE) return;
  begin_object(L, &queue->head, offset);
  watch_set_integer(L, "puts", (lua_Integer)queue->puts);
  watch_set_integer(L, "gets", (lua_Integer)queue->gets);
  watch_set_integer(L, "maxsize", (lua_Integer)queue->maxsize);
  lua_pushboolean(L, queue->closed);
  lua_setfield(L, -2, "closed");
  watch_add_row(L);
}

// peer:locks() -> a list of those that are held: {object=, name=, holder=, holder_pid=}
static int m_locks(lua_State *L) {
  const struct peer *peer = self(L);
  lua_newtable(L);
  each_object(L, peer, add_if_lock);
  return 1;
}

// peer:queues() -> a list: {object=, name=, puts=, gets=, maxsize=, closed=}
static int m_queues(lua_State *L) {
  const struct peer *peer = self(L);
  lua_newtable(L);
  each_object(L, peer, add_if_queue);
  return 1;
}

static const luaL_Reg methods[] = {
    {"answered", m_answered}, {"ask", m_ask},   {"close", m_close}, {"locks", m_locks},
    {"queues", m_queues},     {"root", m_root}, {"rows", m_rows},   {NULL, NULL}};

// Opens heddle.native.peer.
int luaopen_heddle_native_peer(lua_State *L) {
  luaL_newmetatable(L, meta);
  luaL_newlib(L, methods);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, m_close);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
  lua_createtable(L, 0, 2);
  lua_pushcfunction(L, f_open);
  lua_setfield(L, -2, "open");
  lua_pushcfunction(L, f_find);
  lua_setfield(L, -2, "find");
  return 1;
}
