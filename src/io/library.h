// Shared libraries that are opened on first use, so that a program which does without them starts
// without them. Stands on the loader and the gate that keeps its locks free for forks.
#ifndef HEDDLE_IO_LIBRARY_H
#define HEDDLE_IO_LIBRARY_H

#include <stdatomic.h>
#include <stdbool.h>

// A function to be found: where its address goes.
struct library_symbol {
  const char *name;
  void *target;
};

struct library {
  const char *file;                     // "libcurl.so.4"
  const char *package;                  // Debian's, for the message
  const struct library_symbol *symbols; // ended by a NULL name
  bool (*begin)(void);                  // called once when all are there, or NULL
  _Atomic int state;                    // 0: not tried
  char complaint[256];                  // why opening failed
};

const char *library_open(struct library *library);

#endif
