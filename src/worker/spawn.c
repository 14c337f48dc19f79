// The start method "spawn": the executable is started anew and maps the arena. Also how the fork
// server starts.
#include "worker/worker.h"

#include "value/value.h"

#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

// Starts the executable in a role: "worker" or "forkserver". Returns false with errno set.
bool process_start_image(const char *role, uint32_t slot, uint32_t seat, int *pid) {
  char fd[16], slot_text[16], seat_text[16], parent[16];
  snprintf(fd, sizeof fd, "%d", arena_fd());
  snprintf(slot_text, sizeof slot_text, "%u", slot);
  snprintf(seat_text, sizeof seat_text, "%u", seat);
  snprintf(parent, sizeof parent, "%d", getpid());
  char *argv[] = {"heddle", "--heddle-start", (char *)role, fd, slot_text, seat_text, parent, NULL};
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  sigset_t none;
  sigemptyset(&none);
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, arena_fd(),
                                   arena_fd()); // the same number: kept over exec
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  int error = posix_spawn(pid, "/proc/self/exe", &actions, &attributes, argv, environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (error) errno = error;
  return error == 0;
}

// Starts the executable for a worker. Returns its pid, -1 with errno set.
int process_spawn(uint32_t slot, uint32_t seat) {
  int pid;
  if (!process_start_image("worker", slot, seat, &pid)) return -1;
  program_process(slot)->pid = pid;
  reaper_watch(slot, pid);
  return pid;
}

static int run_image(const char *role, uint32_t slot, uint32_t seat, uint32_t parent) {
  worker_init_process();
  process_adopt_slot(slot, seat, parent);
  if (strcmp(role, "forkserver") == 0) process_serve_forks(seat);
  struct loop *loop = worker_open_interpreter(0);
  if (!loop) return 1;
  process_child(loop, slot);
}

// Whether this is a start by process_start_image; it has run then, with *status to exit with.
bool worker_is_start(int argc, char **argv, int *status) {
  if (argc != 7 || strcmp(argv[1], "--heddle-start") != 0) return false;
  *status = 1;
  if (!arena_join(atoi(argv[3]))) return true;
  *status =
      run_image(argv[2], (uint32_t)atoi(argv[4]), (uint32_t)atoi(argv[5]), (uint32_t)atoi(argv[6]));
  return true;
}
