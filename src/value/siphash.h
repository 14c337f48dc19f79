// SipHash-2-4, a keyed check of 64 bits for short inputs (J.-P. Aumasson, D. J. Bernstein: SipHash:
// a fast short-input PRF, INDOCRYPT 2012). Stands on the C language only.
#ifndef HEDDLE_VALUE_SIPHASH_H
#define HEDDLE_VALUE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t value_siphash(const unsigned char key[16], const void *bytes, size_t len);

#endif
