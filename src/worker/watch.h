// The view of the whole program: what every loop's tasks look like, asked for and handed over
// through shared memory. Stands on: task_view, the arena, seats.
#ifndef HEDDLE_WORKER_WATCH_H
#define HEDDLE_WORKER_WATCH_H

#include "loop/task_view.h"

#include <stdint.h>

// What a loop answers.
struct watch_block {
  uint32_t turn;   // the latest request when it was written
  uint32_t worker; // the id of the loop's thread, isolate or process; 0: the program's root
  uint32_t count;
  int64_t at;                 // when it was written
  int64_t gil_wait, gil_held; // nanoseconds that its thread has waited for the GIL, and had it
  struct task_view tasks[];
};

void watch_publish(struct loop *any);
uint32_t watch_ask(void);
void watch_wait(uint32_t turn);
struct watch_block *watch_take(uint32_t seat, uint32_t turn);
void watch_give_back(uint32_t seat, struct watch_block *block);
void watch_end(uint32_t turn);

#endif
