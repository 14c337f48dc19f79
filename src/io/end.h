// An end that tasks of one interpreter wait for: of a transfer, of a server. A member of what ends,
// as its first field: it is then the object of the loop's operation. Under the GIL. Stands on park.
#ifndef HEDDLE_IO_END_H
#define HEDDLE_IO_END_H

#include "loop/park.h"

struct end {
  struct park_list waiters;
  bool reached;
};

bool end_attempt(void *object, struct park_self *self);
void end_leave(void *object, struct park_self *self);
void end_reach(struct end *end);

#endif
