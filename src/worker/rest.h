// Resting: an OS thread whose isolate has ended stays for a moment, so that the next isolate needs
// no new one. At most one does. It shows nothing of its last work to the next: seat, interpreter,
// loop, name and figures are the new isolate's own. Stands on: base, loop/gil.
#ifndef HEDDLE_WORKER_REST_H
#define HEDDLE_WORKER_REST_H

#include "worker/worker.h"

bool rest_announce(void);
bool rest_call(const struct worker *w);
struct worker *rest_await(void);
void rest_forget(void);

#endif
