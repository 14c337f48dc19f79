#include "trace/trace.h"

#include "base/clock.h"
#include "base/program.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAMED = 256, CHUNK = 16 };

// A record takes four words. `head` counts the records ever written; record i lies at i % size.
struct ring {
  uint64_t next;              // the ring made before it; never changes
  uint32_t size;              // a power of two
  _Atomic uint32_t seat;      // of its writer + 1, 0: the next thread that needs one takes it
  _Atomic uint32_t recording; // that `first` belongs to
  uint32_t unused;
  _Atomic uint64_t first; // record of that recording
  _Atomic uint64_t head;
  _Atomic uint64_t words[][4];
};

// What was named lately in a ring, and by which record.
struct named {
  uint64_t key;
  uint64_t at;
};

_Thread_local uint32_t trace_task;

static _Thread_local struct {
  struct ring *ring;
  uint32_t recording; // the one that it has found its ring for
  bool ended;
  uint64_t signed_at; // the record that says whose the ring is
  char name[32];
  uint32_t order;
  struct named *named; // NAMED of them, NULL before the first event
} mine;

// time -----------------------------------------------------------------------------------------

static uint64_t stamp(void) {
  return arena->trace.by_counter ? clock_counter() : (uint64_t)clock_now();
}

// Counter and clock at the same moment: the pair of three that lie closest together.
static void read_both(uint64_t *count, int64_t *clock) {
  uint64_t least = UINT64_MAX;
  for (int i = 0; i < 3; i++) {
    uint64_t before = clock_counter();
    int64_t now = clock_now();
    uint64_t after = clock_counter();
    if (after - before >= least) continue;
    least = after - before;
    *count = before + (after - before) / 2;
    *clock = now;
  }
}

// Nanoseconds of the monotonic clock for a stamp: between two readings of both.
static int64_t nanoseconds(uint64_t at) {
  static _Thread_local uint64_t count;
  static _Thread_local int64_t clock;
  if (!arena->trace.by_counter) return (int64_t)at;
  if (clock == 0 || at > count) read_both(&count, &clock);
  uint64_t counts = count - arena->trace.count;
  if (counts == 0) return arena->trace.clock;
  double scale = (double)(clock - arena->trace.clock) / (double)counts;
  return arena->trace.clock + (int64_t)((double)(int64_t)(at - arena->trace.count) * scale);
}

// rings ----------------------------------------------------------------------------------------

static struct ring *ring_at(uint64_t offset) { return offset ? arena_at(offset) : NULL; }

static struct ring *new_ring(uint32_t owner) {
  uint32_t size = arena->trace.records;
  uint64_t at = arena_alloc(sizeof(struct ring) + (size_t)size * sizeof(uint64_t[4]));
  if (at == 0) return NULL;
  struct ring *ring = arena_at(at);
  memset(ring, 0, sizeof *ring);
  ring->size = size;
  atomic_store_explicit(&ring->seat, owner, memory_order_relaxed);
  uint64_t newest = atomic_load(&arena->trace.rings);
  do {
    ring->next = newest;
  } while (!atomic_compare_exchange_weak(&arena->trace.rings, &newest, at));
  return ring;
}

// One whose thread has ended, else a new one.
static struct ring *find_ring(void) {
  uint32_t owner = program_seat_index + 1;
  for (struct ring *r = ring_at(atomic_load(&arena->trace.rings)); r; r = ring_at(r->next)) {
    uint32_t nobody = 0;
    if (r->size == arena->trace.records && atomic_load(&r->seat) == 0 &&
        atomic_compare_exchange_strong(&r->seat, &nobody, owner))
      return r;
  }
  return new_ring(owner);
}

static void put(struct ring *ring, uint64_t at, uint64_t what, uint64_t a, uint64_t b) {
  uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
  _Atomic uint64_t *words = ring->words[head & (ring->size - 1)];
  // a reader that sees one of these words sees the head from before it, and so that the slot's old
  // record is gone
  atomic_store_explicit(&words[0], at, memory_order_release);
  atomic_store_explicit(&words[1], what, memory_order_release);
  atomic_store_explicit(&words[2], a, memory_order_release);
  atomic_store_explicit(&words[3], b, memory_order_release);
  atomic_store_explicit(&ring->head, head + 1, memory_order_release);
}

static uint64_t pack(enum trace_kind kind, unsigned flags, unsigned extra, uint32_t task) {
  return (uint64_t)kind | (uint64_t)(flags & 0xff) << 8 | (uint64_t)(extra & 0xffff) << 16 |
         (uint64_t)task << 32;
}

// Says whose the ring is: at the thread's first event, and again before that could be overwritten.
static void sign(struct ring *ring, unsigned again) {
  uint32_t tid = (uint32_t)program_seat(program_seat_index)->tid;
  uint32_t pid = program_slot ? (uint32_t)program_process(program_slot)->pid : arena->root_pid;
  mine.signed_at = ring->head;
  put(ring, stamp(), pack(TRACE_OWNER, 0, again, 0), (uint64_t)pid << 32 | tid,
      (uint64_t)mine.order << 32 | program_seat_index);
  trace_name(TRACE_THREAD_NAME, 0, mine.name);
}

// The first event of this thread in a recording: gives it a ring.
static void begin(uint32_t recording) {
  mine.recording = recording;
  if (mine.named) memset(mine.named, 0, NAMED * sizeof *mine.named);
  if (mine.ring && mine.ring->size != arena->trace.records) { // of an earlier recording
    atomic_store(&mine.ring->seat, 0);
    mine.ring = NULL;
  }
  if (!mine.named) mine.named = calloc(NAMED, sizeof *mine.named);
  if (!mine.ring && !mine.ended && mine.named) mine.ring = find_ring();
  struct ring *ring = mine.ring;
  if (!ring) return;
  if (ring->recording != recording) {
    atomic_store_explicit(&ring->first, ring->head, memory_order_relaxed);
    atomic_store_explicit(&ring->recording, recording, memory_order_release);
  }
  sign(ring, 0);
}

// Records an event while the recorder is on (see trace_event). `extra` has 16 bits.
void trace_write(enum trace_kind kind, unsigned flags, unsigned extra, uint32_t task, uint64_t a,
                 uint64_t b) {
  uint32_t recording = atomic_load_explicit(&arena->trace.on, memory_order_relaxed);
  if (program_seat_index == UINT32_MAX || recording == 0) return;
  if (mine.recording != recording) begin(recording);
  struct ring *ring = mine.ring;
  if (!ring) return;
  put(ring, stamp(), pack(kind, flags, extra, task), a, b);
  if (ring->head - mine.signed_at > ring->size / 2) sign(ring, 1);
}

// names ----------------------------------------------------------------------------------------

static uint64_t name_key(enum trace_text what, uint32_t id) {
  return (uint64_t)(what + 1) << 32 | id;
}

// Whether this thread has named it lately, so that the name's record will stand as long as those
// that need it.
bool trace_is_named(enum trace_text what, uint32_t id) {
  if (mine.recording != atomic_load_explicit(&arena->trace.on, memory_order_relaxed) || !mine.ring)
    return false;
  return mine.named[id % NAMED].key == name_key(what, id) &&
         mine.ring->head - mine.named[id % NAMED].at < mine.ring->size / 2;
}

// What this thread has named just now (see trace_is_named).
void trace_remember(enum trace_text what, uint32_t id) {
  if (!mine.ring) return;
  mine.named[id % NAMED].key = name_key(what, id);
  mine.named[id % NAMED].at = mine.ring->head;
}

// Records a name, 16 bytes a record; of at most 64 bytes.
void trace_name(enum trace_text what, uint32_t id, const char *text) {
  size_t length = strnlen(text, 64), done = 0;
  do {
    uint64_t words[2] = {0, 0};
    size_t part = length - done < CHUNK ? length - done : CHUNK;
    memcpy(words, text + done, part);
    trace_write(TRACE_TEXT, what, (unsigned)(done / CHUNK), id, words[0], words[1]);
    done += part;
  } while (done < length);
  trace_remember(what, id);
}

// The number of a word, of which the record has been made (FNV-1a).
uint32_t trace_word(const char *text) {
  uint32_t hash = 2166136261u;
  for (const char *c = text; *c; c++)
    hash = (hash ^ (unsigned char)*c) * 16777619u;
  if (!trace_is_named(TRACE_WORD, hash)) trace_name(TRACE_WORD, hash, text);
  return hash;
}

// on and off -----------------------------------------------------------------------------------

static uint32_t power_of_two(uint32_t least) {
  uint32_t size = 256;
  while (size < least && size < (uint32_t)1 << 30)
    size *= 2;
  return size;
}

// Turns the recorder on in the whole program: a new recording, with rings of at least `records`
// records a thread. Does nothing while it is on.
void trace_start(uint32_t records) {
  if (arena->trace.on) return;
  arena->trace.records = power_of_two(records);
  if (arena->trace.recordings == 0) arena->trace.by_counter = clock_counts();
  if (arena->trace.recordings == 0) read_both(&arena->trace.count, &arena->trace.clock);
  atomic_store(&arena->trace.on, ++arena->trace.recordings);
}

// Turns it off; what was recorded stays until the next recording.
void trace_stop(void) { atomic_store(&arena->trace.on, 0); }

// The calling thread has sat down, and is called so. `order`: how many workers were started before
// it.
void trace_thread_begin(const char *name, uint32_t order) {
  size_t length = strnlen(name, sizeof mine.name - 1);
  memcpy(mine.name, name, length);
  mine.name[length] = 0;
  mine.order = order;
  mine.recording = 0; // it may have sat elsewhere before
  mine.ended = false;
}

// The calling thread is about to give its seat up.
void trace_thread_end(void) {
  if (mine.ring) atomic_store(&mine.ring->seat, 0);
  mine.ring = NULL;
  mine.ended = true;
  free(mine.named);
  mine.named = NULL;
}

// In a forked child: the ring is the parent's.
void trace_after_fork(void) {
  mine.ring = NULL;
  mine.recording = 0;
  trace_task = 0;
}

// A process has ended, its seats are not given back yet: closes the rings its threads wrote.
void trace_bury(uint32_t process, int status) {
  for (struct ring *r = ring_at(atomic_load(&arena->trace.rings)); r; r = ring_at(r->next)) {
    uint32_t seat = atomic_load(&r->seat);
    if (seat == 0 || program_seat(seat - 1)->used != process + 1) continue;
    if (r->recording && r->recording == atomic_load(&arena->trace.on))
      put(r, stamp(), pack(TRACE_KILLED, 0, 0, 0), (uint64_t)(int64_t)status, 0);
    atomic_compare_exchange_strong(&r->seat, &seat, 0);
  }
}

// reading --------------------------------------------------------------------------------------

// The ring after `after`, 0: the first. Returns its offset, 0 when there are no more.
uint64_t trace_ring(uint64_t after) {
  return after ? ring_at(after)->next : atomic_load(&arena->trace.rings);
}

// What there is to read of the last recording in a ring: records first up to head. `lost`: how many
// of the recording were overwritten. Returns false when there is nothing.
bool trace_open(uint64_t offset, uint64_t *first, uint64_t *head, uint64_t *lost) {
  struct ring *r = ring_at(offset);
  if (atomic_load_explicit(&r->recording, memory_order_acquire) != arena->trace.recordings)
    return false;
  *head = atomic_load_explicit(&r->head, memory_order_acquire);
  uint64_t begun = r->first;
  *first = *head - begun > r->size ? *head - r->size : begun;
  *lost = *first - begun;
  return *head > *first;
}

// Reads one record. Returns false if it was overwritten meanwhile.
bool trace_read(uint64_t offset, uint64_t index, struct trace_record *record) {
  struct ring *r = ring_at(offset);
  uint64_t words[4];
  for (int i = 0; i < 4; i++)
    words[i] = atomic_load_explicit(&r->words[index & (r->size - 1)][i], memory_order_acquire);
  if (atomic_load_explicit(&r->head, memory_order_acquire) >= index + r->size) return false;
  *record = (struct trace_record){.at = nanoseconds(words[0]),
                                  .kind = (uint8_t)words[1],
                                  .flags = (uint8_t)(words[1] >> 8),
                                  .extra = (uint16_t)(words[1] >> 16),
                                  .task = (uint32_t)(words[1] >> 32),
                                  .a = words[2],
                                  .b = words[3]};
  return true;
}
