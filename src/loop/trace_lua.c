// heddle.native.trace: the recorder's switch, the marks of jobs, and what was recorded.
#include "loop/task.h"
#include "trace/trace.h"

#include <lauxlib.h>
#include <lua.h>

// start(records): turns it on; the running task's slice begins for it now
static int f_start(lua_State *L) {
  trace_start((uint32_t)luaL_checkinteger(L, 1));
  if (loop_self && loop_self->current) task_trace_run(loop_self, loop_self->current);
  return 0;
}

static int f_stop(lua_State *L) {
  (void)L;
  trace_stop();
  return 0;
}

// active() -> whether it records; recordings() -> how many were begun
static int f_active(lua_State *L) {
  lua_pushboolean(L, trace_on());
  return 1;
}

static int f_recordings(lua_State *L) {
  lua_pushinteger(L, arena->trace.recordings);
  return 1;
}

// Pushes the records of a ring, as they lie in memory, one after the other. Returns how many were
// overwritten meanwhile.
static int64_t push_records(lua_State *L, uint64_t ring, uint64_t first, uint64_t head) {
  struct trace_record record;
  int64_t missed = 0;
  luaL_Buffer buffer;
  luaL_buffinit(L, &buffer);
  for (uint64_t i = first; i < head; i++) {
    if (trace_read(ring, i, &record))
      luaL_addlstring(&buffer, (const char *)&record, sizeof record);
    else
      missed++;
  }
  luaL_pushresult(&buffer);
  return missed;
}

// rings() -> list of {records = string, lost = integer}, of the last recording
static int f_rings(lua_State *L) {
  lua_newtable(L);
  int n = 0;
  for (uint64_t ring = trace_ring(0); ring; ring = trace_ring(ring)) {
    uint64_t first, lost, head;
    if (!trace_open(ring, &first, &head, &lost)) continue;
    lua_createtable(L, 0, 2);
    int64_t missed = push_records(L, ring, first, head);
    lua_setfield(L, -2, "records");
    lua_pushinteger(L, (int64_t)lost + missed);
    lua_setfield(L, -2, "lost");
    lua_rawseti(L, -2, ++n);
  }
  return 1;
}

// group() -> a number that no other group of jobs in the program has
static int f_group(lua_State *L) {
  lua_pushinteger(L, atomic_fetch_add(&arena->next_id, 1));
  return 1;
}

static uint64_t job_of(lua_State *L) {
  return (uint64_t)luaL_checkinteger(L, 1) << 32 | (uint32_t)luaL_checkinteger(L, 2);
}

static int mark(lua_State *L, enum trace_job what) {
  if (!trace_on()) return 0;
  uint64_t job = job_of(L);
  const char *word = lua_isstring(L, 3) ? lua_tostring(L, 3) : NULL;
  trace_write(TRACE_JOB, what, 0, trace_task, job, word ? trace_word(word) : 0);
  return 0;
}

// queued(group, number, kind), started(group, number), ended(group, number, status),
// result(group, number): a job's life. Nothing while the recorder is off.
static int f_queued(lua_State *L) { return mark(L, TRACE_QUEUED); }
static int f_started(lua_State *L) { return mark(L, TRACE_STARTED); }
static int f_ended(lua_State *L) { return mark(L, TRACE_ENDED); }
static int f_result(lua_State *L) { return mark(L, TRACE_RESULT); }

int luaopen_heddle_native_trace(lua_State *L);
int luaopen_heddle_native_trace(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"active", f_active},         {"ended", f_ended},   {"group", f_group}, {"queued", f_queued},
      {"recordings", f_recordings}, {"result", f_result}, {"rings", f_rings}, {"start", f_start},
      {"started", f_started},       {"stop", f_stop},     {NULL, NULL},
  };
  luaL_newlib(L, functions);
  return 1;
}
