#include "sync/dict.h"

#include <stdio.h>
#include <string.h>

enum { BUCKETS = 2048 };

struct entry {
  uint64_t next; // in its bucket
  uint32_t hash;
  uint32_t key_size;
  uint64_t value_size;
  char bytes[]; // the key, then the value
};

static void (*retain_message)(const void *bytes, size_t size);
static void (*drop_message)(const void *bytes, size_t size);

// Hands over what a message's references need: one more of each when it is read and stays; giving
// them back when it goes.
void sync_dict_set_hooks(void (*retain)(const void *bytes, size_t size),
                         void (*drop)(const void *bytes, size_t size)) {
  retain_message = retain;
  drop_message = drop;
}

static struct entry *entry_at(uint64_t offset) { return arena_at(offset); }

static uint32_t hash_of(const char *bytes, size_t size) { // FNV-1a
  uint32_t hash = 2166136261u;
  for (size_t i = 0; i < size; i++)
    hash = (hash ^ (unsigned char)bytes[i]) * 16777619u;
  return hash;
}

static uint64_t *bucket_of(const struct sync_dict *d, uint32_t hash) {
  return (uint64_t *)arena_at(d->buckets) + hash % BUCKETS;
}

static uint64_t count(const struct sync_dict *d) {
  uint64_t n = 0;
  for (uint32_t i = 0; i < BUCKETS; i++)
    for (uint64_t at = *bucket_of(d, i); at; at = entry_at(at)->next)
      n++;
  return n;
}

// The link that leads to the key's entry, or to where there is none.
static uint64_t *find(const struct sync_dict *d, const char *key, size_t size, uint32_t hash) {
  uint64_t *link = bucket_of(d, hash);
  for (; *link; link = &entry_at(*link)->next) {
    const struct entry *e = entry_at(*link);
    if (e->hash == hash && e->key_size == size && memcmp(e->bytes, key, size) == 0) break;
  }
  return link;
}

static void throw_away(uint64_t entry) {
  const struct entry *e = entry_at(entry);
  drop_message(e->bytes + e->key_size, e->value_size);
  arena_free(entry);
}

// the class --------------------------------------------------------------------------------------

static void settle(struct sync_object *object) { (void)object; }

static void release(struct sync_object *object) {
  struct sync_dict *d = (struct sync_dict *)object;
  for (uint32_t i = 0; d->buckets && i < BUCKETS; i++) {
    uint64_t *bucket = bucket_of(d, i);
    while (*bucket) {
      uint64_t entry = *bucket;
      *bucket = entry_at(entry)->next;
      throw_away(entry);
    }
  }
  if (d->buckets) arena_free(d->buckets);
  sync_data_release(&d->data);
}

static void describe(struct sync_object *object, char *text, size_t size) {
  sync_begin(object);
  unsigned long long n = count((struct sync_dict *)object);
  sync_end(object);
  snprintf(text, size, "%llu entries", n);
}

const struct sync_class sync_dict_class = {"Dict", settle, NULL, release, NULL, describe};

// operations -------------------------------------------------------------------------------------

// A new dictionary, empty. NULL when the arena is full.
struct sync_dict *sync_dict_create(void) {
  struct sync_dict *d = (struct sync_dict *)sync_data_create(SYNC_DICT);
  if (!d) return NULL;
  d->buckets = arena_alloc(BUCKETS * sizeof(uint64_t));
  if (!d->buckets) {
    sync_release(&d->data.head);
    return NULL;
  }
  memset(arena_at(d->buckets), 0, BUCKETS * sizeof(uint64_t));
  return d;
}

// An entry of a key and a message, in no dictionary yet. 0 when the arena is full.
uint64_t sync_dict_entry(const struct buffer *key, const struct buffer *value) {
  uint64_t block = arena_alloc(sizeof(struct entry) + key->len + value->len);
  if (block == 0) return 0;
  struct entry *e = entry_at(block);
  e->next = 0;
  e->key_size = (uint32_t)key->len;
  e->value_size = value->len;
  e->hash = hash_of((const char *)key->data, key->len);
  memcpy(e->bytes, key->data, key->len);
  memcpy(e->bytes + key->len, value->data, value->len);
  return block;
}

// Puts an entry in, in place of the one with the same key.
void sync_dict_set(struct sync_dict *d, uint64_t entry) {
  struct entry *e = entry_at(entry);
  sync_begin(&d->data.head);
  uint64_t *link = find(d, e->bytes, e->key_size, e->hash), old = *link;
  e->next = old ? entry_at(old)->next : 0;
  guard_step();
  *link = entry;
  guard_step();
  sync_end(&d->data.head);
  if (old) throw_away(old);
}

// Takes a key's entry out, if there is one.
void sync_dict_remove(struct sync_dict *d, const struct buffer *key) {
  const char *bytes = (const char *)key->data;
  sync_begin(&d->data.head);
  uint64_t *link = find(d, bytes, key->len, hash_of(bytes, key->len)), old = *link;
  if (old) *link = entry_at(old)->next;
  guard_step();
  sync_end(&d->data.head);
  if (old) throw_away(old);
}

// Copies a key's message, whose references are the copy's own. Returns false if there is none, or
// no memory.
bool sync_dict_get(struct sync_dict *d, const struct buffer *key, struct buffer *value) {
  const char *bytes = (const char *)key->data;
  sync_begin(&d->data.head);
  uint64_t at = *find(d, bytes, key->len, hash_of(bytes, key->len));
  const struct entry *e = at ? entry_at(at) : NULL;
  bool got = e && buffer_append(value, e->bytes + e->key_size, e->value_size);
  if (got) retain_message(e->bytes + e->key_size, e->value_size);
  sync_end(&d->data.head);
  return got;
}

static bool copy_entry(const struct entry *e, struct buffer *all) {
  uint64_t sizes[2] = {e->key_size, e->value_size};
  if (!buffer_append(all, sizes, sizeof sizes)) return false;
  if (!buffer_append(all, e->bytes, e->key_size + e->value_size)) return false;
  retain_message(e->bytes + e->key_size, e->value_size);
  return true;
}

// Copies all entries: for each the sizes of key and message (two 64-bit numbers), then both.
// Returns false when there is no memory; then what was copied is to be thrown away all the same.
bool sync_dict_copy(struct sync_dict *d, struct buffer *all) {
  bool fine = true;
  sync_begin(&d->data.head);
  for (uint32_t i = 0; fine && i < BUCKETS; i++)
    for (uint64_t at = *bucket_of(d, i); fine && at; at = entry_at(at)->next)
      fine = copy_entry(entry_at(at), all);
  sync_end(&d->data.head);
  return fine;
}
