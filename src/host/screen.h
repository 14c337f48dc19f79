// The terminal under a prompt: while it is open, what any part of the program writes to its
// standard output or error goes through a pipe, and a thread draws it above the line that is being
// typed. Stands on: system headers.
#ifndef HEDDLE_HOST_SCREEN_H
#define HEDDLE_HOST_SCREEN_H

#include <stdbool.h>
#include <stdio.h>

// How the line being typed leaves the screen and comes back; called with the screen locked.
struct screen_line {
  void (*erase)(void);
  void (*draw)(void);
};

bool screen_open(void);
void screen_close(void);
int screen_terminal(void);
void screen_lock(void);
void screen_unlock(void);
void screen_end_line(void);
void screen_show_line(const struct screen_line *line);
void screen_flush(void);
void screen_pause(bool pause);

#endif
