// Texts that have to fit into a field of fixed size. Stands on the C library alone.
#ifndef HEDDLE_BASE_TEXT_H
#define HEDDLE_BASE_TEXT_H

#include <stddef.h>

void text_copy(char *text, size_t size, const char *from);
void text_place(char *text, size_t size, const char *file, int line);

#endif
