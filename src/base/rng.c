#include "base/rng.h"

#define N BASE_RNG_WORDS
#define SHIFT 397
#define TOP 0x80000000u
#define REST 0x7fffffffu

/* Fills the state from one number: the recurrence of MT19937's authors (2002). */
static void fill(base_rng *r, uint32_t seed) {
  r->word[0] = seed;
  for (uint32_t i = 1; i < N; i++)
    r->word[i] = 1812433253u * (r->word[i - 1] ^ (r->word[i - 1] >> 30)) + i;
}

/* The word before i, multiplied: what both passes of the seeding stir into word i. */
static uint32_t stir(const base_rng *r, int i, uint32_t factor) {
  uint32_t before = r->word[i - 1];
  return r->word[i] ^ ((before ^ (before >> 30)) * factor);
}

/* Steps i through 1..N-1; on wrapping round, the last word becomes word 0. */
static int step(base_rng *r, int i) {
  if (++i < N) return i;
  r->word[0] = r->word[N - 1];
  return 1;
}

/* Seeds from a key of one or two words, as init_by_array of the authors does. */
static void fill_from_key(base_rng *r, const uint32_t *key, int length) {
  int i = 1, j = 0;
  fill(r, 19650218u);
  for (int k = 0; k < N; k++) {
    r->word[i] = stir(r, i, 1664525u) + key[j] + (uint32_t)j;
    i = step(r, i);
    j = (j + 1) % length;
  }
  for (int k = 0; k < N - 1; k++) {
    r->word[i] = stir(r, i, 1566083941u) - (uint32_t)i;
    i = step(r, i);
  }
  r->word[0] = TOP;
}

/* Seeds a generator.
   r: the generator.  seed: any whole number; as in Python its sign does not count. */
void base_rng_seed(base_rng *r, int64_t seed) {
  uint64_t size = seed < 0 ? 0 - (uint64_t)seed : (uint64_t)seed;
  uint32_t key[2] = {(uint32_t)size, (uint32_t)(size >> 32)};
  fill_from_key(r, key, key[1] ? 2 : 1);
  r->next = N;
}

/* The next word of the recurrence, before tempering. */
static uint32_t twist(uint32_t here, uint32_t after, uint32_t far) {
  uint32_t mixed = (here & TOP) | (after & REST);
  return far ^ (mixed >> 1) ^ ((mixed & 1u) ? 0x9908b0dfu : 0u);
}

static void refill(base_rng *r) {
  for (int i = 0; i < N; i++)
    r->word[i] = twist(r->word[i], r->word[(i + 1) % N], r->word[(i + SHIFT) % N]);
  r->next = 0;
}

/* Returns the next 32 random bits. */
uint32_t base_rng_u32(base_rng *r) {
  if (r->next >= N) refill(r);
  uint32_t y = r->word[r->next++];
  y ^= y >> 11;
  y ^= (y << 7) & 0x9d2c5680u;
  y ^= (y << 15) & 0xefc60000u;
  return y ^ (y >> 18);
}

/* Returns a float in [0, 1) with 53 random bits: Python's random(). */
double base_rng_float(base_rng *r) {
  uint32_t high = base_rng_u32(r) >> 5, low = base_rng_u32(r) >> 6;
  return (high * 67108864.0 + low) * (1.0 / 9007199254740992.0);
}

/* Returns the given number of random bits, 1 to 64: Python's getrandbits(). The first word is the
 * low one. */
static uint64_t bits(base_rng *r, int count) {
  if (count <= 32) return base_rng_u32(r) >> (32 - count);
  uint64_t low = base_rng_u32(r);
  return low | (uint64_t)(base_rng_u32(r) >> (64 - count)) << 32;
}

/* 64 random bits for the full range: Python asks for 65 there and tries again while the highest is
 * set. */
static uint64_t full_range(base_rng *r) {
  uint64_t found;
  do
    found = bits(r, 64);
  while (base_rng_u32(r) >> 31);
  return found;
}

/* Returns a whole number from low to high, both included: Python's randint(low, high). Takes as
   many bits as the count of possible results has, and tries again while what came is not below that
   count. low, high: low <= high is the caller's duty. */
int64_t base_rng_range(base_rng *r, int64_t low, int64_t high) {
  uint64_t count = (uint64_t)high - (uint64_t)low + 1, found;
  if (count == 0) return (int64_t)((uint64_t)low + full_range(r));
  int length = 64 - __builtin_clzll(count);
  do
    found = bits(r, length);
  while (found >= count);
  return (int64_t)((uint64_t)low + found);
}
