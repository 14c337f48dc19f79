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
