#include "base/text.h"

#include <stdio.h>
#include <string.h>

// Copies as much of `from` as fits into `size` bytes with the closing zero, in whole characters of
// UTF-8.
void text_copy(char *text, size_t size, const char *from) {
  size_t n = strnlen(from, size);
  if (n == size)
    for (n--; n > 0 && ((unsigned char)from[n] & 0xC0) == 0x80; n--) {
    }
  memcpy(text, from, n);
  text[n] = 0;
}

// Writes a place in a program as `file:line`, without the file's folder. Where that does not fit
// into `size` bytes, it is the beginning of the file's name that goes.
void text_place(char *text, size_t size, const char *file, int line) {
  const char *slash = *file == '[' ? NULL : strrchr(file, '/'); // [string "a/b"] is no file
  const char *name = slash ? slash + 1 : file;
  char number[16];
  size_t digits = (size_t)snprintf(number, sizeof number, ":%d", line);
  size_t room = size > digits + 1 ? size - digits - 1 : 0;
  size_t length = strlen(name);
  if (length > room && room > 3) {
    name += length - (room - 3);
    while (((unsigned char)*name & 0xC0) == 0x80)
      name++;
    snprintf(text, size, "...%s%s", name, number);
  } else {
    snprintf(text, size, "%s%s", name, number);
  }
}
