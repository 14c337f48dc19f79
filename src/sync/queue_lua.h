// What the bindings of the queue, of select and of the pipe share: how items come from Lua and go
// back, as references and as messages. Stands on: object_lua, queue, value, loop's task.
#ifndef HEDDLE_SYNC_QUEUE_LUA_H
#define HEDDLE_SYNC_QUEUE_LUA_H

#include "loop/task.h"
#include "sync/object_lua.h"
#include "sync/queue.h"

// How an item is put.
struct queue_put {
  const struct loop_op *op; // on the object
  double timeout;
  const char *full; // the reason when there is no room
  struct sync_rank rank;
};

struct sync_queue *queue_of(const struct sync_handle *handle);
uint32_t queue_interp(void);
void queue_check_reachable(lua_State *L, struct sync_queue *queue, const char *function);

void queue_make_room(lua_State *L, int queue);
void queue_store(lua_State *L, int queue, uint64_t number, int item);
void queue_fetch(lua_State *L, int queue, uint64_t number);
void queue_cross_references(void);

int queue_put_message(lua_State *L, void *object, const struct queue_put *how);
int queue_put_ranked(lua_State *L, void *object, const struct queue_put *how);
bool queue_is_reference(const struct sync_message *message);
bool queue_keep_as_message(lua_State *L, struct park_self *self);
void queue_mark_sent(lua_State *L);
void queue_give_back(struct sync_message *message);
struct park_self queue_getter(void);
void queue_push_message(lua_State *L, const struct sync_message *message);
void queue_open_pending(lua_State *L);

int queue_f_select(lua_State *L);

#endif
