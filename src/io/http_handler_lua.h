// The handlers of a server's requests: each is a task of its own, whose first slice runs as soon as
// the request has been read. Stands on http_server, http_head, task, Lua.
#ifndef HEDDLE_IO_HTTP_HANDLER_LUA_H
#define HEDDLE_IO_HTTP_HANDLER_LUA_H

#include "io/http_server.h"

void http_handler_begin(struct http_server *server, struct http_request *request);

#endif
