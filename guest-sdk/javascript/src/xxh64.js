// XXH64 with seed 0, as its published description has it.

const MASK = (1n << 64n) - 1n;
const PRIME1 = 0x9e3779b185ebca87n;
const PRIME2 = 0xc2b2ae3d27d4eb4fn;
const PRIME3 = 0x165667b19e3779f9n;
const PRIME4 = 0x85ebca77c2b2ae63n;
const PRIME5 = 0x27d4eb2f165667c5n;

const times = (a, b) => (a * b) & MASK;
const plus = (a, b) => (a + b) & MASK;
const rotate = (value, by) => ((value << by) | (value >> (64n - by))) & MASK;
const round = (lane, input) => times(rotate(plus(lane, times(input, PRIME2)), 31n), PRIME1);
const merge = (hash, lane) => plus(times(hash ^ round(0n, lane), PRIME1), PRIME4);

// The little-endian number of `size` bytes at `at`.
function read(bytes, at, size) {
  let value = 0n;
  for (let index = size - 1; index >= 0; index--) value = (value << 8n) | BigInt(bytes[at + index]);
  return value;
}

export function xxh64(bytes) {
  let at = 0;
  let hash = PRIME5;
  if (bytes.length >= 32) {
    const lanes = [plus(PRIME1, PRIME2), PRIME2, 0n, (MASK + 1n - PRIME1) & MASK];
    for (; at + 32 <= bytes.length; at += 32) {
      for (let lane = 0; lane < 4; lane++) lanes[lane] = round(lanes[lane], read(bytes, at + 8 * lane, 8));
    }
    hash = lanes.reduce((sum, lane, index) => plus(sum, rotate(lane, [1n, 7n, 12n, 18n][index])), 0n);
    hash = lanes.reduce(merge, hash);
  }
  hash = plus(hash, BigInt(bytes.length));
  for (; at + 8 <= bytes.length; at += 8) {
    hash = plus(times(rotate(hash ^ round(0n, read(bytes, at, 8)), 27n), PRIME1), PRIME4);
  }
  if (at + 4 <= bytes.length) {
    hash = plus(times(rotate(hash ^ times(read(bytes, at, 4), PRIME1), 23n), PRIME2), PRIME3);
    at += 4;
  }
  for (; at < bytes.length; at++) hash = times(rotate(hash ^ times(BigInt(bytes[at]), PRIME5), 11n), PRIME1);
  hash = times(hash ^ (hash >> 33n), PRIME2);
  hash = times(hash ^ (hash >> 29n), PRIME3);
  return hash ^ (hash >> 32n);
}
