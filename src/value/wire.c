#include "value/wire.h"

#include "value/siphash.h"
#include "value/value.h"

static unsigned char program_key[16];

// Sets the key of the checks on function dumps, module names and references.
// key: 16 random bytes, the same in every process of the program.
void value_set_key(const unsigned char key[16]) { memcpy(program_key, key, sizeof program_key); }

// The check over some bytes of a message: who does not know the program's key can't make one.
uint64_t value_check(enum wire_domain domain, const void *bytes, size_t len) {
  unsigned char key[16];
  memcpy(key, program_key, sizeof key);
  key[15] ^= (unsigned char)domain;
  return value_siphash(key, bytes, len);
}

// Finds the references of a message by its end. Sets their count, 0 when it has none or they are
// damaged. Returns the length of the message without them; 0 when they are damaged.
size_t value_references(const unsigned char *bytes, size_t len, size_t *count) {
  *count = 0;
  if (len == 0 || bytes[0] != WIRE_OBJECTS) return len;
  if (len < 1 + 12) return 0;
  size_t n = wire_u32(bytes + len - 4);
  if (n > (len - 1 - 12) / 8) return 0;
  size_t content = len - 12 - 8 * n;
  if (value_check(WIRE_REFERENCES, bytes + content, 8 * n) != wire_u64(bytes + len - 12)) return 0;
  *count = n;
  return content;
}
