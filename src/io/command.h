// A program that a task runs and waits for: what it writes is taken in, what it is to read is fed
// to it, all from one epoll set that the task waits for. It stays a zombie until its command is
// closed, so that nobody else has its number. Stands on: spawn, loop/fds.
#ifndef HEDDLE_IO_COMMAND_H
#define HEDDLE_IO_COMMAND_H

#include "base/buffer.h"
#include "io/spawn.h"
#include "loop/park.h"

struct command {
  pid_t pid; // 0: it has been closed
  int set;   // epoll: of what follows
  int pidfd, pipes[3];
  const char *input; // what it has still to be fed
  size_t left;
  struct buffer texts[2]; // of standard output and error
  bool exited, group;
  bool patient;     // closing it waits for its end instead of killing it
  int how, status;  // then: si_code and si_status of waitid
  int error;        // errno of what went wrong with it
  uint32_t process; // slot of the process it belongs to
};

int command_start(struct command *command, struct spawn *spawn, const char *input, size_t size);
bool command_attempt(void *object, struct park_self *self);
void command_kill(struct command *command, int signal);
void command_close(struct command *command);

#endif
