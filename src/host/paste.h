// What a terminal sends as pasted, between two marks of its own ("bracketed paste"): collected as
// it comes, up to the mark at its end, as text that can stand in a line. Stands on: libc.
#ifndef HEDDLE_HOST_PASTE_H
#define HEDDLE_HOST_PASTE_H

#include <stdbool.h>
#include <stddef.h>
#include <wchar.h>

#define PASTE_BEGIN "\033[200~"
#define PASTE_ON "\033[?2004h"
#define PASTE_OFF "\033[?2004l"

struct paste {
  char *text; // UTF-8, NULL while there is none
  size_t size, room;
};

bool paste_add(struct paste *paste, wchar_t c);
const char *paste_text(struct paste *paste);
void paste_free(struct paste *paste);

#endif
