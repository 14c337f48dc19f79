// The view of the whole program, for ps(): each loop is asked to write what its tasks look like
// into a block of shared memory, which hangs at its seat; who asked reads it there. Nothing is
// written unless somebody asks, and a loop that does not answer in time is left out.
//
// A block stays at its seat as long as anybody may want it: a reader takes it away, and puts it
// back when there are other askers. The last asker clears up.
#include "worker/watch.h"

#include "base/clock.h"
#include "worker/worker.h"

#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static const int64_t PATIENCE = 250000000;

static struct watch_block *block_at(uint64_t offset) { return arena_at(offset); }

static bool is_older(uint32_t turn, uint32_t than) { return (int32_t)(turn - than) < 0; }

static void hang(struct program_seat *seat, uint64_t block) {
  uint32_t turn = block_at(block)->turn;
  uint64_t old = atomic_exchange(&seat->view, block);
  seat->view_turn = turn;
  if (old) arena_free(old);
}

// The thread's share of the GIL, with the stretch that goes on. Under the GIL.
static void write_gil(const struct loop *loop, struct watch_block *block) {
  const struct gil *gil = &loop->interp->gil;
  block->gil_wait = loop->figures.wait;
  block->gil_held = loop->figures.held;
  block->at = clock_now();
  if (loop == loop_self) block->gil_held += block->at - gil->since;
}

static void publish_loop(struct loop *loop) {
  struct program_seat *seat = program_seat(loop->seat);
  uint32_t turn = arena->view_turn, most = loop->live;
  size_t size = sizeof(struct watch_block) + most * sizeof(struct task_view);
  uint64_t offset = arena_alloc(size);
  if (offset == 0) return;
  struct watch_block *block = block_at(offset);
  block->turn = turn;
  block->count = task_view_write(loop, block->tasks, most);
  const struct worker *w = loop->worker;
  write_gil(loop, block);
  block->worker = w ? w->id : 0;
  hang(seat, offset);
}

// Writes the views that loops of this interpreter were asked for. Under its GIL.
void watch_publish(struct loop *any) {
  for (struct loop *l = any->interp->loops; l; l = l->next) {
    _Atomic uint32_t *attention = &program_seat(l->seat)->attention;
    if (*attention & ATTENTION_VIEW) {
      atomic_fetch_and(attention, ~(uint32_t)ATTENTION_VIEW);
      publish_loop(l);
    }
  }
}

static bool has_loop(const struct program_seat *seat) {
  uint32_t used = seat->used; // its process may be buried meanwhile
  return used && seat->tid && !(seat->flags & SEAT_NO_LOOP) &&
         program_process(used - 1)->state == PROCESS_LIVE;
}

// One that computes is made to look up by a signal; one that sleeps, by its bell.
static void ask(uint32_t index) {
  const struct program_seat *seat = program_seat(index);
  uint32_t used = seat->used;
  bool awake = seat->bell == BELL_AWAKE;
  program_ask(index, ATTENTION_VIEW);
  if (awake && used) gil_ask_thread_to_look(program_process(used - 1)->pid, seat->tid);
}

// A view that another asker has taken away for a moment counts as missing, too.
static bool is_missing(const struct program_seat *seat, uint32_t turn) {
  bool old = is_older(seat->view_turn, turn);
  return has_loop(seat) && (old || seat->view == 0);
}

// Asks every loop of the program for its view. Returns the request's number, for the calls below.
uint32_t watch_ask(void) {
  atomic_fetch_add(&arena->view_askers, 1);
  uint32_t turn = atomic_fetch_add(&arena->view_turn, 1) + 1;
  for (const struct loop *l = loop_self->interp->loops; l; l = l->next)
    atomic_fetch_or(&program_seat(l->seat)->attention, ATTENTION_VIEW);
  watch_publish(loop_self);
  for (uint32_t i = 0; i < arena->seat_top; i++) {
    if (is_missing(program_seat(i), turn)) ask(i);
  }
  return turn;
}

// Waits until every loop has answered, or has had its time. Others that ask this interpreter
// meanwhile are answered: they may be waiting just the same.
void watch_wait(uint32_t turn) {
  int64_t limit = clock_now() + PATIENCE;
  for (unsigned pause = 50; clock_now() < limit; pause = pause < 1000 ? pause * 2 : 1000) {
    bool missing = false;
    watch_publish(loop_self);
    for (uint32_t i = 0; i < arena->seat_top && !missing; i++)
      missing = is_missing(program_seat(i), turn);
    if (!missing) return;
    usleep(pause);
  }
}

// Takes the view that hangs at a seat, if it is no older than the request; NULL: there is none.
struct watch_block *watch_take(uint32_t seat, uint32_t turn) {
  uint64_t offset = atomic_exchange(&program_seat(seat)->view, 0);
  if (offset == 0) return NULL;
  if (!is_older(block_at(offset)->turn, turn)) return block_at(offset);
  arena_free(offset);
  return NULL;
}

// Gives a view back that was read: others may want it, too.
void watch_give_back(uint32_t seat, struct watch_block *block) {
  uint64_t none = 0, offset = arena_offset(block);
  // ThreadSanitizer does not see what another process does with the block before a thread of this
  // one writes to it, for which that one has loaded the turn.
  atomic_fetch_add(&arena->view_turn, 0);
  if (arena->view_askers < 2 ||
      !atomic_compare_exchange_strong(&program_seat(seat)->view, &none, offset))
    arena_free(offset);
}

// The request is over.
void watch_end(uint32_t turn) {
  if (atomic_fetch_sub(&arena->view_askers, 1) > 1) return;
  for (uint32_t i = 0; i < arena->seat_top; i++) {
    struct watch_block *block = watch_take(i, turn + 1);
    if (block) hang(program_seat(i), arena_offset(block)); // of a newer request
  }
}
