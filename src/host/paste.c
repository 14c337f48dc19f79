#include "host/paste.h"

#include <stdlib.h>
#include <string.h>

#define END "\033[201~"

static bool has_room(struct paste *paste) {
  enum { LONGEST = 8 };
  if (paste->size + LONGEST <= paste->room) return true;
  size_t room = paste->room ? 2 * paste->room : 256;
  char *text = realloc(paste->text, room);
  if (!text) return false;
  paste->text = text;
  paste->room = room;
  return true;
}

static void put(struct paste *paste, unsigned char byte) {
  paste->text[paste->size++] = (char)byte;
}

static void put_utf8(struct paste *paste, unsigned c) {
  if (c < 0x80) {
    put(paste, (unsigned char)c);
  } else if (c < 0x800) {
    put(paste, (unsigned char)(0xc0 | c >> 6));
    put(paste, (unsigned char)(0x80 | (c & 0x3f)));
  } else {
    if (c >= 0x10000) put(paste, (unsigned char)(0xf0 | c >> 18));
    put(paste, (unsigned char)(c >= 0x10000 ? 0x80 | (c >> 12 & 0x3f) : 0xe0 | c >> 12));
    put(paste, (unsigned char)(0x80 | (c >> 6 & 0x3f)));
    put(paste, (unsigned char)(0x80 | (c & 0x3f)));
  }
}

static bool ends(const struct paste *paste, const char *mark) {
  size_t size = strlen(mark);
  return paste->size >= size && memcmp(paste->text + paste->size - size, mark, size) == 0;
}

// Takes a character in. Returns whether the paste has ended; what there is no memory for is left
// out.
bool paste_add(struct paste *paste, wchar_t c) {
  if (!has_room(paste)) return false;
  if (c != 0) put_utf8(paste, (unsigned)c);
  if (!ends(paste, END)) return false;
  paste->size -= strlen(END);
  return true;
}

static bool is_kept(char c) { return (unsigned char)c >= 0x20 || c == '\n' || c == '\t'; }

// The text: its lines end in newlines, however the terminal sent them, but the last one, which does
// not end; without other control characters.
const char *paste_text(struct paste *paste) {
  size_t kept = 0;
  for (size_t i = 0; i < paste->size; i++) {
    char c = paste->text[i];
    if (c == '\r') c = i + 1 < paste->size && paste->text[i + 1] == '\n' ? 0 : '\n';
    if (is_kept(c)) paste->text[kept++] = c;
  }
  while (kept > 0 && paste->text[kept - 1] == '\n')
    kept--;
  if (!has_room(paste)) return "";
  paste->size = kept;
  paste->text[kept] = 0;
  return paste->text;
}

// Forgets it.
void paste_free(struct paste *paste) {
  free(paste->text);
  *paste = (struct paste){NULL, 0, 0};
}
