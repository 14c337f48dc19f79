// Signals that the program catches. The handler counts the signal and asks the loops that catch
// something to look; what happens then is the business of call.h. The disposition that a signal had
// before comes back when nobody catches it any more, and in a forked child. Stands on: base.
#ifndef HEDDLE_LOOP_SIGNAL_H
#define HEDDLE_LOOP_SIGNAL_H

#include <stdbool.h>
#include <stdint.h>

int signal_number(const char *name);
const char *signal_name(int number);
bool signal_catch(int number);
void signal_uncatch(int number);
uint32_t signal_count(int number);
void signal_after_fork(void);

#endif
