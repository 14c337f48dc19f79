/* What the build put into the executable: the Lua library (lua/heddle, compiled) and the scenarios
 * (scripts, as source text). The tables themselves are generated (build/embedded.c, by
 * tools/embed.c). Stands on nothing. */
#ifndef HOST_EMBEDDED_H
#define HOST_EMBEDDED_H

#include <stddef.h>

struct host_embedded {
  const char *name; /* a module as `require` says it ("heddle.task"), or a scenario ("bank") */
  const unsigned char *bytes;
  size_t size;
};

extern const struct host_embedded host_embedded[]; /* modules; a NULL name ends the table */
extern const struct host_embedded host_scripts[];  /* scenarios; likewise */

#endif
