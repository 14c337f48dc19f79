#include "sync/pipe.h"

#include "base/program.h"

#include <stdio.h>

_Static_assert(sizeof(struct sync_pipe) <= ARENA_CELL, "an end fits into its cell");

// The queue that the end receives from.
struct sync_queue *sync_pipe_in(const struct sync_pipe *end) {
  return arena_at(end->in);
}

// The queue that it sends to.
struct sync_queue *sync_pipe_out(const struct sync_pipe *end) {
  return arena_at(end->out);
}

// the class ------------------------------------------------------------------------------------

static void settle(struct sync_object *object) { (void)object; } // nobody waits for an end

static void release(struct sync_object *object) {
  struct sync_pipe *end = (struct sync_pipe *)object;
  if (end->in == 0 || end->out == 0) return;
  sync_pipe_close(end);
  sync_release_message(&sync_pipe_in(end)->head);
  sync_release_message(&sync_pipe_out(end)->head);
}

static void bury(struct sync_object *object, uint32_t process) {
  struct sync_pipe *end = (struct sync_pipe *)object;
  if (end->holder == process + 1) sync_pipe_close(end);
}

static void describe(struct sync_object *object, char *text, size_t size) {
  const struct sync_pipe *end = (struct sync_pipe *)object;
  const struct sync_queue *in = sync_pipe_in(end);
  snprintf(text, size, "%llu messages%s", (unsigned long long)(in->puts - in->gets),
           in->closed ? ", closed" : "");
}

const struct sync_class sync_pipe_class = {"Pipe", settle, NULL, release, bury, describe};

// operations -----------------------------------------------------------------------------------

static struct sync_pipe *new_end(struct sync_queue *in, struct sync_queue *out) {
  struct sync_pipe *end = (struct sync_pipe *)sync_create(SYNC_PIPE);
  if (!end) return NULL;
  sync_retain_message(&in->head);
  sync_retain_message(&out->head);
  end->in = arena_offset(in);
  end->out = arena_offset(out);
  end->moves = 1;
  end->holder = program_slot + 1;
  return end;
}

static struct sync_queue *new_queue(void) { return sync_queue_create(0, SYNC_FIFO, 0); }

// A new pipe: its two ends, held by this process. Returns false when the arena is full.
bool sync_pipe_create(struct sync_pipe *ends[2]) {
  struct sync_queue *there = new_queue(), *back = there ? new_queue() : NULL;
  ends[0] = back ? new_end(back, there) : NULL;
  ends[1] = ends[0] ? new_end(there, back) : NULL;
  if (ends[0] && !ends[1]) sync_release(&ends[0]->head);
  if (back) sync_release(&back->head); // the ends hold them
  if (there) sync_release(&there->head);
  return ends[1] != NULL;
}

// The other end gets "closed" from now on, once it has received what is left. When it gets that, it
// can't send any more.
void sync_pipe_close(struct sync_pipe *end) {
  sync_queue_close(sync_pipe_in(end));
  sync_queue_close(sync_pipe_out(end));
}

static void change(struct sync_pipe *end, uint32_t holder, uint32_t transit, uint64_t moves) {
  sync_begin(&end->head);
  end->moves += moves;
  end->transit = transit;
  end->holder = holder;
  sync_end(&end->head);
}

// A message was written that hands it over.
void sync_pipe_send(struct sync_pipe *end) { change(end, 0, 1, 1); }

// That message was not sent in the end: who had it has it again.
void sync_pipe_take_back(struct sync_pipe *end) {
  if (end->transit) change(end, program_slot + 1, 0, UINT64_MAX);
}

// That message was thrown away.
void sync_pipe_lose(struct sync_pipe *end) {
  if (end->transit) sync_pipe_close(end);
}

// That message has come to a process, which is about to read it.
void sync_pipe_claim(struct sync_pipe *end, uint32_t process) { change(end, process + 1, 0, 0); }
