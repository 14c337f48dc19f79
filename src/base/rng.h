/* The random generator of the job mixes: the Mersenne Twister MT19937, seeded and read exactly as
   Python's random.Random does it for whole-number seeds, so that one seed gives the same jobs in
   both languages. A generator is plain memory of its owner; it is not locked and stands on nothing
   but the C language. */
#ifndef HEDDLE_BASE_RNG_H
#define HEDDLE_BASE_RNG_H

#include <stdint.h>

#define BASE_RNG_WORDS 624

typedef struct base_rng {
  uint32_t word[BASE_RNG_WORDS];
  int next; /* first word not yet handed out; BASE_RNG_WORDS: all are used up */
} base_rng;

void base_rng_seed(base_rng *r, int64_t seed);
uint32_t base_rng_u32(base_rng *r);
double base_rng_float(base_rng *r);
int64_t base_rng_range(base_rng *r, int64_t low, int64_t high);

#endif
