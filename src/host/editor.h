// The line editor of the REPL: libedit, opened on first use, in an OS thread of its own, so that
// tasks go on while somebody types. It knows no Lua: what it wants is left as an event, and its
// descriptor becomes readable. Stands on: screen.
#ifndef HEDDLE_HOST_EDITOR_H
#define HEDDLE_HOST_EDITOR_H

#include <stdbool.h>
#include <stddef.h>

enum editor_event { EDITOR_LINE, EDITOR_END, EDITOR_ABANDONED, EDITOR_COMPLETE, EDITOR_NOTHING };

bool editor_open(const char **why);
int editor_fd(void);
void editor_ask(const char *prompt, bool interrupted);
enum editor_event editor_take(char **text);
void editor_answer(const char *insert, const char *list);
void editor_abandon(void);
bool editor_interrupted(void);
void editor_remember(const char *line);
bool editor_load_history(const char *path);
bool editor_save_history(const char *path);

#endif
