// Calls that the program has ordered: of a function after a time, each time an interval has passed,
// or when a signal comes. Each is a handle in Lua; the loop of the OS thread that ordered it makes
// the calls, as tasks. Stands on: loop, timer, signal.
#ifndef HEDDLE_LOOP_CALL_H
#define HEDDLE_LOOP_CALL_H

#include "loop/loop.h"

void call_timer_due(struct loop *loop, struct timer *timer);
void call_signals(struct loop *loop);
void call_drop_all(struct loop *loop);

#endif
