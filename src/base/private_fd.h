// Descriptors that belong to one process alone, such as a server's sockets: a child of fork closes
// them, or it would keep connections open that its parent has closed, and a port that nobody
// serves. Any OS thread may call. Stands on pthreads.
#ifndef HEDDLE_BASE_PRIVATE_FD_H
#define HEDDLE_BASE_PRIVATE_FD_H

#include <stdbool.h>

bool private_fd_add(int fd);
void private_fd_remove(int fd);

#endif
