// Parking: how anything waits. A waiter record in the arena stands in the list of what it waits for
// and names its seat and task, so it means the same in every process. A waiter stays in its place
// until it got what it wanted, timed out or was cancelled; to be woken is only to be told to try
// again ("kicked"). So nothing is ever in flight between a releaser and a waiter, and a waiter that
// dies or gives up takes nothing with it: whoever leaves a list lets the object kick its new first
// one. Only the first waiter of a list is kicked; it kicks the next when it leaves. Stands on:
// base. Knows nothing of Lua, threads or the loop.
#ifndef HEDDLE_LOOP_PARK_H
#define HEDDLE_LOOP_PARK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The waiters of one kind on one object, in order of arrival; record indices, 0: none. Under the
// object's guard.
struct park_list {
  uint32_t first, last;
};

#define PARK_NOBODY UINT32_MAX // the ticket of a record whose task waits no more

enum park_state { PARK_WAITING, PARK_KICKED };
enum { PARK_TEXTS = 67 };

// Whether a record's loop has seen a kick since its task tried last: the first of those on the
// task's records, or a later one.
enum park_woken { PARK_NOT_WOKEN, PARK_WOKEN_FIRST, PARK_WOKEN_LATER };

struct park_record {
  _Atomic uint32_t next, prev; // in its list
  _Atomic uint64_t object;     // offset of what it waits for, 0: in no list of a shared object
  uint32_t list;               // which of the object's lists
  _Atomic uint32_t state;
  _Atomic uint32_t seat;    // seat + 1 of the waiting loop, 0: the record is free
  _Atomic uint32_t ticket;  // the waiting task's place in its loop
  _Atomic uint32_t task;    // its id
  _Atomic uint32_t next_in; // link in an inbox
  uint64_t arrival;         // order in the object's list
  int64_t since;
  uint8_t timed;             // has a time-out
  _Atomic uint8_t described; // the texts below are filled in (done when the loop goes to sleep)
  uint8_t beside; // its task stands in several lines, and this is not the one that reports name
  uint8_t woken;  // enum park_woken
  uint8_t lock;   // what it waits for is a lock or a permit
  char texts[PARK_TEXTS]; // who waits, for what, where: one behind the other
};

// Who is asking: a task's attempt to take something. Lives in the task.
struct park_self {
  uint32_t record; // its waiter record while it waits, else 0
  uint32_t ticket; // its place in its loop
  uint32_t task;   // its id
  bool enlist;     // if it can't have it now, wait in line
  bool timed;      // with a time-out
  bool abandoned;  // result: what it got was abandoned by a dead holder
  bool closed;     // result: it can never be had
  bool entered;    // it has begun something that `leave` must end, though it has no record
  bool handed;     // what it asked for is being done elsewhere
  void *in;        // what it brings, of the operation's own kind
  void *out;       // where to put what it gets
  uint64_t number; // of the operation's own kind
};

struct park_record *park_record(uint32_t index);
void park_describe(struct park_record *record, const char *who, const char *what,
                   const char *where);
const char *park_who(const struct park_record *record);
const char *park_what(const struct park_record *record);
const char *park_where(const struct park_record *record);
uint32_t park_record_alloc(void);
void park_record_free(uint32_t index);
void park_thread_end(void);
void park_after_fork(void);

void park_append(struct park_list *list, uint32_t record);
void park_remove(struct park_list *list, uint32_t record);
void park_leave(struct park_list *list, uint32_t record);
void park_kick(const struct park_list *list);
void park_kick_all(const struct park_list *list);
bool park_may_overtake(const struct park_list *list);
int64_t park_patience(const struct park_list *list);
void park_ring(void);

void park_settle_kick(uint32_t record);
uint32_t park_take_inbox(void);
uint32_t park_take_local(void);

#endif
