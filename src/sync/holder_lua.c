#include "sync/holder_lua.h"

#include "base/program.h"
#include "loop/task.h"
#include "sync/condition.h"
#include "sync/lock.h"

// Writes the name of a task of this interpreter; false: it has none of that id.
static bool name_here(lua_State *L, uint32_t id, char *text, size_t size) {
  if (!loop_self || !lua_checkstack(L, 8)) return false;
  for (struct loop *loop = loop_self->interp->loops; loop; loop = loop->next) {
    for (uint32_t i = 0; i < loop->task_cap; i++) {
      if (!loop->tasks[i] || loop->tasks[i]->self.task != id) continue;
      task_write_name(L, loop, loop->tasks[i], text, size);
      return true;
    }
  }
  return false;
}

// The name of a task of another interpreter: the function of its thread goes by that one's, others
// have given it as they went to wait. NULL: unknown.
static const char *name_elsewhere(uint32_t id) {
  for (uint32_t i = 0; i < arena->seat_top; i++)
    if (program_seat(i)->used && program_seat(i)->main_task == id) return program_seat(i)->name;
  for (uint32_t i = 1; i < arena->wait_top; i++) {
    const struct park_record *r = park_record(i);
    bool waits = r->seat && r->ticket != PARK_NOBODY && r->described;
    if (waits && r->task == id) return park_who(r);
  }
  return NULL;
}

// Pushes ` by NAME`: of the task that holds a lock, an rlock or a condition's lock, or, where that
// one can't be seen from here, ` by a task of process NAME`. Nothing for what is not held.
void holder_push(lua_State *L, const struct sync_object *object) {
  uint32_t process, task;
  char name[PARK_TEXTS];
  if (object->kind == SYNC_CONDITION)
    object = sync_condition_lock((const struct sync_condition *)object);
  bool is_lock = object->kind == SYNC_LOCK || object->kind == SYNC_RLOCK;
  if (!is_lock || !sync_lock_holder((const struct sync_lock *)object, &process, &task)) {
    lua_pushliteral(L, "");
    return;
  }
  const char *elsewhere = name_elsewhere(task);
  if (process == program_slot && name_here(L, task, name, sizeof name))
    lua_pushfstring(L, " by %s", name);
  else if (elsewhere)
    lua_pushfstring(L, " by %s", elsewhere);
  else
    lua_pushfstring(L, " by a task of process %s",
                    process == 0 ? "main" : program_process(process)->name);
}
