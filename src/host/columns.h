// Where the cursor stands after a text was drawn on a terminal, as libedit draws it: wide
// characters take two columns, tabs lead to the next eighth one, control characters are shown as
// ^X. Stands on: libc.
#ifndef HEDDLE_HOST_COLUMNS_H
#define HEDDLE_HOST_COLUMNS_H

#include <stddef.h>

struct columns_place {
  int row, column, width; // from 0; of the terminal
};

void columns_walk(struct columns_place *place, const char *text, size_t size);

#endif
