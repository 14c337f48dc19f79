#include "loop/timer.h"

#include "base/clock.h"

#include <stdlib.h>

enum { WAYS = 4, FIRST = 64 };

static bool before(const struct timer_entry *a, const struct timer_entry *b) {
  return a->deadline < b->deadline;
}

static void put(struct timers *timers, uint32_t place, struct timer_entry entry) {
  timers->heap[place] = entry;
  entry.timer->place = place;
}

static uint32_t parent_of(uint32_t place) { return (place - 2) / WAYS + 1; }
static uint32_t child_of(uint32_t place) { return (place - 1) * WAYS + 2; }

static void rise(struct timers *timers, uint32_t place, struct timer_entry entry) {
  while (place > 1 && before(&entry, &timers->heap[parent_of(place)])) {
    put(timers, place, timers->heap[parent_of(place)]);
    place = parent_of(place);
  }
  put(timers, place, entry);
}

static void sink(struct timers *timers, uint32_t place, struct timer_entry entry) {
  for (;;) {
    uint32_t child = child_of(place), best = child;
    if (child > timers->count) break;
    for (uint32_t i = child + 1; i < child + WAYS && i <= timers->count; i++)
      if (before(&timers->heap[i], &timers->heap[best])) best = i;
    if (!before(&timers->heap[best], &entry)) break;
    put(timers, place, timers->heap[best]);
    place = best;
  }
  put(timers, place, entry);
}

static bool grow(struct timers *timers) {
  uint32_t cap = timers->cap ? timers->cap * 2 : FIRST;
  struct timer_entry *heap = realloc(timers->heap, (cap + 1) * sizeof *heap);
  if (!heap) return false;
  timers->heap = heap;
  timers->cap = cap;
  return true;
}

// Sets a timer that does not run. CLOCK_NEVER sets none. Returns false when there is no memory.
bool timer_start(struct timers *timers, struct timer *timer, int64_t deadline) {
  if (deadline == CLOCK_NEVER) return true;
  if (timers->count == timers->cap && !grow(timers)) return false;
  rise(timers, ++timers->count, (struct timer_entry){deadline, timer});
  return true;
}

// Stops a timer; one that does not run is left alone.
void timer_stop(struct timers *timers, struct timer *timer) {
  uint32_t place = timer->place;
  if (place == 0) return;
  timer->place = 0;
  struct timer_entry last = timers->heap[timers->count--];
  if (place > timers->count) return;
  if (place > 1 && before(&last, &timers->heap[parent_of(place)]))
    rise(timers, place, last);
  else
    sink(timers, place, last);
}

// The earliest deadline, CLOCK_NEVER if there is none.
int64_t timer_next(const struct timers *timers) {
  return timers->count ? timers->heap[1].deadline : CLOCK_NEVER;
}

// Takes out the earliest timer if it is due, else returns NULL.
struct timer *timer_due(struct timers *timers, int64_t now) {
  if (timers->count == 0 || timers->heap[1].deadline > now) return NULL;
  struct timer *timer = timers->heap[1].timer;
  timer_stop(timers, timer);
  return timer;
}

// Gives the heap's memory back.
void timers_free(struct timers *timers) {
  free(timers->heap);
  *timers = (struct timers){0};
}

// Forgets them all; the heap's memory stays.
void timers_clear(struct timers *timers) { timers->count = 0; }
