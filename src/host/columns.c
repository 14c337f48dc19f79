#include "host/columns.h"

#include <string.h>
#include <wchar.h>
#include <wctype.h>

enum { TAB = 8 };

static void advance(struct columns_place *place, int columns) {
  if (place->column + columns > place->width) {
    place->row++;
    place->column = 0;
  }
  place->column += columns;
  if (place->column < place->width) return;
  place->row++;
  place->column = 0;
}

// Columns of a character that can't be drawn: ^X, \U+nnnn.
static int columns_of_code(wchar_t c) {
  if (c < 0x100) return 2;
  return c > 0xffff ? 8 : 7;
}

static void walk_character(struct columns_place *place, wchar_t c) {
  if (c == L'\n') {
    place->row++;
    place->column = 0;
  } else if (c == L'\t') {
    do
      advance(place, 1);
    while (place->column % TAB != 0);
  } else if (iswprint((wint_t)c)) {
    int width = wcwidth(c);
    advance(place, width > 0 ? width : 0);
  } else {
    for (int n = columns_of_code(c); n > 0; n--)
      advance(place, 1);
  }
}

// Moves the place behind a text of this thread's character set.
void columns_walk(struct columns_place *place, const char *text, size_t size) {
  mbstate_t state = {0};
  while (size > 0) {
    wchar_t c;
    size_t used = mbrtowc(&c, text, size, &state);
    if (used == 0) used = 1;
    if (used > size) { // no character
      memset(&state, 0, sizeof state);
      c = (unsigned char)*text;
      used = 1;
    }
    walk_character(place, c);
    text += used;
    size -= used;
  }
}
