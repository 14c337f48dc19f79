#include "io/library.h"

#include "worker/worker.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { OPENED = 1, FAILED = 2 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; // of every library's opening

static bool complain(struct library *library, const char *what, const char *why) {
  snprintf(library->complaint, sizeof library->complaint, "%s %s (Debian: apt install %s): %s",
           what, library->file, library->package, why ? why : "unknown reason");
  return false;
}

static bool find_all(struct library *library, void *handle) {
  for (const struct library_symbol *s = library->symbols; s->name; s++) {
    void *symbol = dlsym(handle, s->name);
    if (!symbol) return complain(library, "missing in", dlerror());
    memcpy(s->target, &symbol, sizeof symbol);
  }
  return true;
}

static bool find(struct library *library) {
  void *handle = dlopen(library->file, RTLD_NOW | RTLD_LOCAL);
  if (!handle) return complain(library, "can't open", dlerror());
  if (!find_all(library, handle)) return false;
  if (library->begin && !library->begin()) return complain(library, "can't use", NULL);
  return true;
}

// Opens a library unless that has been done. Any OS thread may call.
// Returns NULL, or why it can't be had (text that stays).
const char *library_open(struct library *library) {
  if (atomic_load(&library->state) == 0) {
    gate_enter(); // a fork meanwhile would leave the loader's locks held in the child
    pthread_mutex_lock(&mutex);
    if (library->state == 0) library->state = find(library) ? OPENED : FAILED;
    pthread_mutex_unlock(&mutex);
    gate_leave();
  }
  return library->state == OPENED ? NULL : library->complaint;
}
