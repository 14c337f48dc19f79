// What a loop tells the recorder of its tasks' slices.
#include "loop/task.h"

#include "base/clock.h"
#include "trace/trace.h"

#include <lua.h>

static void name(struct loop *loop, struct task *task) {
  lua_State *L = loop->base;
  unsigned flags = (task->main ? TRACE_IS_MAIN : 0u) | (task->internal ? TRACE_IS_INTERNAL : 0u) |
                   (task->named ? TRACE_IS_NAMED : 0u);
  trace_write(TRACE_TASK, flags, (unsigned)loop->model, task->self.task, task->number, 0);
  if (!task->named || !lua_checkstack(L, 8)) {
    trace_remember(TRACE_TASK_NAME, task->self.task);
    return;
  }
  task_push(L, loop, task);
  task_push_name(L, lua_gettop(L));
  trace_name(TRACE_TASK_NAME, task->self.task, lua_tostring(L, -1));
  lua_pop(L, 2);
}

// While the recorder is on: the task's slice begins.
void task_trace_run(struct loop *loop, struct task *task) {
  if (!trace_is_named(TRACE_TASK_NAME, task->self.task)) name(loop, task);
  trace_write(TRACE_RUN, 0, 0, task->self.task, 0, 0);
}

static enum trace_why why(const struct task *task) {
  switch (task->state) {
  case TASK_READY:
  case TASK_RUNNING: // another task runs within its slice
    return TRACE_YIELDED;
  case TASK_DONE:
    return TRACE_DONE;
  case TASK_FAILED:
    return TRACE_FAILED;
  case TASK_CANCELLED:
    return TRACE_CANCELLED;
  default:
    break;
  }
  if (task->watch) return TRACE_IO;
  if (!task->op->attempt) return TRACE_SLEEPS;
  if (task->self.record == 0) return TRACE_IO; // what is no object of ours calls back
  return park_record(task->self.record)->object ? TRACE_IN_LINE : TRACE_JOINS;
}

// While the recorder is on: the slice has ended.
void task_trace_stop(struct loop *loop, struct task *task) {
  int64_t left = -1;
  uint32_t place = task->loop ? task->timer.place : 0;
  if (place) left = loop->timers.heap[place].deadline - clock_now();
  trace_write(TRACE_PARK, why(task), 0, task->self.task, (uint64_t)(place && left < 0 ? 0 : left),
              0);
}
