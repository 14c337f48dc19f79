/* A host tool of the build: turns the Lua library and the scenarios into one C file.
 *
 *   embed LIBRARY_ROOT SCRIPTS_ROOT FILE... >embedded.c
 *
 * Files below LIBRARY_ROOT are compiled (unstripped, so that tracebacks have lines) and named as
 * `require` names them; those of other kinds, the parts of a page, become modules that return their
 * text, and keep the ending in their name ("heddle.page.report.css"). Files below SCRIPTS_ROOT stay
 * source text and are named by their path without ".lua". Stands on liblua only. */
#include <lauxlib.h>
#include <lua.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct bytes {
  unsigned char *data;
  size_t size;
};

struct entry {
  char name[256];
  struct bytes bytes;
};

struct table {
  struct entry *entries;
  size_t count;
};

/* Ends the build with a message: `what` was wrong with `path`. */
static void die(const char *path, const char *what) {
  fprintf(stderr, "embed: %s: %s\n", path, what);
  exit(1);
}

/* Adds `size` bytes to the end of `bytes`. */
static void append(struct bytes *bytes, const void *data, size_t size) {
  if (size == 0) return;
  bytes->data = realloc(bytes->data, bytes->size + size);
  if (bytes->data == NULL) die("memory", "not enough");
  memcpy(bytes->data + bytes->size, data, size);
  bytes->size += size;
}

/* The whole content of a file. */
static struct bytes slurp(const char *path) {
  struct bytes bytes = {NULL, 0};
  char block[4096];
  FILE *file = fopen(path, "rb");
  if (file == NULL) die(path, "can't be read");
  for (size_t n; (n = fread(block, 1, sizeof block, file)) > 0;)
    append(&bytes, block, n);
  fclose(file);
  return bytes;
}

static int write_chunk(lua_State *L, const void *data, size_t size, void *bytes) {
  (void)L;
  append(bytes, data, size);
  return 0;
}

/* Compiles Lua source under the chunk name "@" + `shown`. */
static struct bytes compile(struct bytes source, const char *path, const char *shown) {
  struct bytes code = {NULL, 0};
  char chunk_name[300];
  lua_State *L = luaL_newstate();
  if (L == NULL) die(path, "no memory for a Lua state");
  snprintf(chunk_name, sizeof chunk_name, "@%s", shown);
  if (luaL_loadbufferx(L, (const char *)source.data, source.size, chunk_name, "t") != LUA_OK)
    die(path, lua_tostring(L, -1));
  lua_dump(L, write_chunk, &code, 0);
  lua_close(L);
  return code;
}

/* "heddle/sub/x.lua" -> "heddle.sub.x", "heddle/init.lua" -> "heddle". */
static void module_name(char *name) {
  size_t length = strlen(name);
  if (length >= 5 && strcmp(name + length - 5, "/init") == 0) name[length - 5] = '\0';
  for (char *c = name; *c != '\0'; c++)
    if (*c == '/') *c = '.';
}

/* The part of `path` below the folder `root`, NULL where it lies elsewhere. */
static const char *below(const char *path, const char *root) {
  size_t length = strlen(root);
  if (strncmp(path, root, length) == 0 && path[length] == '/') return path + length + 1;
  return NULL;
}

static int ends_in_lua(const char *path) {
  size_t length = strlen(path);
  return length > 4 && strcmp(path + length - 4, ".lua") == 0;
}

/* Lua source that returns `text`. */
static struct bytes quoted(struct bytes text) {
  static const char before[] = "return [==========[\n", after[] = "]==========]";
  struct bytes source = {NULL, 0};
  append(&source, before, sizeof before - 1);
  append(&source, text.data, text.size);
  append(&source, after, sizeof after - 1);
  return source;
}

/* A new last entry of `table`, named after `shown` without ".lua". */
static struct entry *add(struct table *table, const char *path, const char *shown) {
  size_t length = strlen(shown);
  table->entries = realloc(table->entries, (table->count + 1) * sizeof *table->entries);
  if (table->entries == NULL) die("memory", "not enough");
  struct entry *entry = &table->entries[table->count++];
  if (length >= sizeof entry->name) die(path, "its name is too long");
  if (ends_in_lua(shown)) length -= 4;
  memcpy(entry->name, shown, length);
  entry->name[length] = '\0';
  return entry;
}

static void print_bytes(const char *array, size_t index, struct bytes bytes) {
  printf("static const unsigned char %s_%zu[] = {", array, index);
  for (size_t i = 0; i < bytes.size; i++)
    printf("%s%u,", i % 24 == 0 ? "\n" : "", bytes.data[i]);
  printf("%s};\n", bytes.size == 0 ? "0" : "\n");
}

static void print_table(const char *name, const struct table *table) {
  for (size_t i = 0; i < table->count; i++)
    print_bytes(name, i, table->entries[i].bytes);
  printf("const struct host_embedded %s[] = {\n", name);
  for (size_t i = 0; i < table->count; i++)
    printf("  {\"%s\", %s_%zu, %zu},\n", table->entries[i].name, name, i,
           table->entries[i].bytes.size);
  printf("  {0, 0, 0},\n};\n");
}

int main(int argc, char **argv) {
  struct table library = {NULL, 0}, scripts = {NULL, 0};
  if (argc < 3) die("usage", "embed LIBRARY_ROOT SCRIPTS_ROOT FILE...");
  for (int i = 3; i < argc; i++) {
    const char *shown = below(argv[i], argv[1]);
    if (shown != NULL) {
      struct entry *entry = add(&library, argv[i], shown);
      struct bytes text = slurp(argv[i]);
      entry->bytes = compile(ends_in_lua(shown) ? text : quoted(text), argv[i], shown);
      module_name(entry->name);
    } else if ((shown = below(argv[i], argv[2])) != NULL) {
      add(&scripts, argv[i], shown)->bytes = slurp(argv[i]);
    } else {
      die(argv[i], "lies in neither of the two folders");
    }
  }
  printf("#include \"host/embedded.h\"\n\n");
  print_table("host_embedded", &library);
  print_table("host_scripts", &scripts);
  return 0;
}
