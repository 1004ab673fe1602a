/* Rendezvous hashing: every device ranks all hubs and takes the best.
 *
 * The recipe is that of the Rust SDK (guest-sdk/src/rendezvous.rs), to the bit: a policy rewritten in another language leaves
 * every device where it is. A compiler for a machine that can contract a multiplication and an addition into one has to be
 * told not to (-ffp-contract=off); WebAssembly cannot. */
#include <math.h>
#include <string.h>

#include "internal.h"

static const uint64_t PRIME1 = 0x9e3779b185ebca87u, PRIME2 = 0xc2b2ae3d27d4eb4fu, PRIME3 = 0x165667b19e3779f9u,
                      PRIME4 = 0x85ebca77c2b2ae63u, PRIME5 = 0x27d4eb2f165667c5u;

static uint64_t rotate(uint64_t value, int by) { return value << by | value >> (64 - by); }

static uint64_t mix(uint64_t lane, uint64_t word) { return rotate(lane + word * PRIME2, 31) * PRIME1; }

/* The little-endian number of so many bytes. */
static uint64_t word(const unsigned char *bytes, int size) {
  uint64_t value = 0;
  while (size-- > 0) value = value << 8 | bytes[size];
  return value;
}

/* XXH64 with seed 0, as its published description has it. */
static uint64_t xxh64(const unsigned char *at, size_t length) {
  const unsigned char *end = at + length;
  uint64_t hash = PRIME5;
  if (length >= 32) {
    uint64_t lanes[] = {PRIME1 + PRIME2, PRIME2, 0, 0 - PRIME1};
    for (; end - at >= 32; at += 32) {
      for (int lane = 0; lane < 4; lane++) lanes[lane] = mix(lanes[lane], word(at + 8 * lane, 8));
    }
    hash = rotate(lanes[0], 1) + rotate(lanes[1], 7) + rotate(lanes[2], 12) + rotate(lanes[3], 18);
    for (int lane = 0; lane < 4; lane++) hash = (hash ^ mix(0, lanes[lane])) * PRIME1 + PRIME4;
  }
  hash += length;
  for (; end - at >= 8; at += 8) hash = rotate(hash ^ mix(0, word(at, 8)), 27) * PRIME1 + PRIME4;
  if (end - at >= 4) {
    hash = rotate(hash ^ word(at, 4) * PRIME1, 23) * PRIME2 + PRIME3;
    at += 4;
  }
  for (; at < end; at++) hash = rotate(hash ^ *at * PRIME5, 11) * PRIME1;
  hash = (hash ^ hash >> 33) * PRIME2;
  hash = (hash ^ hash >> 29) * PRIME3;
  return hash ^ hash >> 32;
}

/* The natural logarithm as the recipe has it: a library's may differ from machine to machine in the last bit. */
static double logarithm(double x) {
  const double ln2 = 0.6931471805599453, sqrt2 = 1.4142135623730951;
  uint64_t bits;
  memcpy(&bits, &x, sizeof bits);
  int exponent = (int)(bits >> 52) - 1023;
  bits = (bits & (((uint64_t)1 << 52) - 1)) | (uint64_t)1023 << 52;
  double mantissa;
  memcpy(&mantissa, &bits, sizeof mantissa);
  if (mantissa > sqrt2) {
    mantissa /= 2;
    exponent++;
  }
  double s = (mantissa - 1) / (mantissa + 1), square = s * s, series = 0;
  for (int k = 11; k >= 0; k--) {
    double scaled = series * square;
    series = scaled + 1.0 / (2 * k + 1);
  }
  double whole = exponent * ln2, rest = 2.0 * s * series;
  return whole + rest;
}

double berth_hub_score(const char *key, const char *hub, double weight) {
  if (!(isfinite(weight) && weight > 0)) return -INFINITY;
  size_t key_length = strlen(key), hub_length = strlen(hub), length = key_length + 1 + hub_length;
  char *bytes = berth_alloc(length + 1);
  for (size_t i = 0; i < length; i++) {
    bytes[i] = i < key_length ? berth_lower(key[i]) : i == key_length ? 0 : berth_lower(hub[i - key_length - 1]);
  }
  uint64_t hash = xxh64((const unsigned char *)bytes, length);
  double unit = ((double)(hash >> 12) + 0.5) / 4503599627370496.0;
  return weight / -logarithm(unit);
}
