#include "value/siphash.h"

#include <string.h>

struct state {
  uint64_t a, b, c, d; // v0 to v3 of the paper
};

static inline uint64_t rotate(uint64_t word, int bits) {
  return word << bits | word >> (64 - bits);
}

static inline void half_round(uint64_t *a, uint64_t *b, uint64_t *c, uint64_t *d, int s, int t) {
  *a += *b;
  *c += *d;
  *b = rotate(*b, s) ^ *a;
  *d = rotate(*d, t) ^ *c;
  *a = rotate(*a, 32);
}

static inline void rounds(struct state *v, int count) {
  while (count-- > 0) {
    half_round(&v->a, &v->b, &v->c, &v->d, 13, 16);
    half_round(&v->c, &v->b, &v->a, &v->d, 17, 21);
  }
}

static inline void absorb(struct state *v, uint64_t word) {
  v->d ^= word;
  rounds(v, 2);
  v->a ^= word;
}

// Words are read in the byte order of the machine, which is little-endian as in the paper.
static inline uint64_t word_at(const unsigned char *p, size_t len) {
  uint64_t word = 0;
  memcpy(&word, p, len);
  return word;
}

// The SipHash-2-4 of some bytes under a key of 16 bytes.
uint64_t value_siphash(const unsigned char key[16], const void *bytes, size_t len) {
  const unsigned char *p = bytes;
  uint64_t low = word_at(key, 8), high = word_at(key + 8, 8);
  struct state v = {low ^ 0x736f6d6570736575u, high ^ 0x646f72616e646f6du,
                    low ^ 0x6c7967656e657261u, high ^ 0x7465646279746573u};
  for (size_t left = len; left >= 8; left -= 8, p += 8)
    absorb(&v, word_at(p, 8));
  absorb(&v, (len % 8 ? word_at(p, len % 8) : 0) | (uint64_t)len << 56);
  v.c ^= 0xff;
  rounds(&v, 4);
  return v.a ^ v.b ^ v.c ^ v.d;
}
