#include "base/private_fd.h"

#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FIRST = 256 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; // of what follows; a fork holds it
static pthread_once_t once = PTHREAD_ONCE_INIT;
static unsigned char *noted; // by number: it is private
static size_t room;

static void before_fork(void) { pthread_mutex_lock(&mutex); }
static void after_fork(void) { pthread_mutex_unlock(&mutex); }

static void in_child(void) {
  for (size_t fd = 0; fd < room; fd++) {
    if (noted[fd]) close((int)fd);
    noted[fd] = 0;
  }
  pthread_mutex_unlock(&mutex);
}

static void watch_forks(void) { pthread_atfork(before_fork, after_fork, in_child); }

static bool make_room(size_t needed) {
  size_t more = room ? room : FIRST;
  while (more <= needed)
    more *= 2;
  if (more == room) return true;
  unsigned char *grown = realloc(noted, more);
  if (!grown) return false;
  memset(grown + room, 0, more - room);
  noted = grown;
  room = more;
  return true;
}

// Notes that a descriptor is this process's alone. Returns false when there is no memory.
bool private_fd_add(int fd) {
  pthread_once(&once, watch_forks);
  pthread_mutex_lock(&mutex);
  bool ok = make_room((size_t)fd);
  if (ok) noted[fd] = 1;
  pthread_mutex_unlock(&mutex);
  return ok;
}

// Forgets it; to be called before it is closed, since then its number may be another's at once.
void private_fd_remove(int fd) {
  pthread_mutex_lock(&mutex);
  if ((size_t)fd < room) noted[fd] = 0;
  pthread_mutex_unlock(&mutex);
}
