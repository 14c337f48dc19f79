// Starting another program: with its own signals, folder, environment and process group, with pipes
// where they are wanted, and with nothing else of ours open. It dies with the OS thread that
// started it. Stands on: worker's gate, base.
#ifndef HEDDLE_IO_SPAWN_H
#define HEDDLE_IO_SPAWN_H

#include <stdbool.h>
#include <sys/types.h>

enum spawn_file { SPAWN_NULL, SPAWN_INHERIT, SPAWN_PIPE };

struct spawn {
  char **argv;     // ended by NULL
  char **envp;     // NULL: ours
  const char *cwd; // NULL: ours
  enum spawn_file files[3];
  bool group;   // it leads a process group of its own
  int pipes[3]; // result: our ends, non-blocking; -1: none
  pid_t pid;    // result
  bool in_cwd;  // result of a failure: the folder is what is wrong
};

int spawn_start(struct spawn *spawn);

#endif
