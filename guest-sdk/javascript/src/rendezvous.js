// Rendezvous hashing: every device ranks all hubs and takes the best.
//
// The recipe is that of the Rust SDK (guest-sdk/src/rendezvous.rs), to the bit: a policy rewritten in another language
// leaves every device where it is.

import { xxh64 } from "./xxh64.js";

const LN2 = 0.6931471805599453;
const SQRT2 = 1.4142135623730951;
const FRACTION = (1n << 52n) - 1n;
const EXPONENT_OF_ONE = 1023n;

const float = new Float64Array(1);
const bits = new BigUint64Array(float.buffer);

export function lowerAscii(text) {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

export function hubScore(key, hub, weight) {
  if (!(Number.isFinite(weight) && weight > 0)) return -Infinity;
  const hash = xxh64([...utf8(lowerAscii(key)), 0, ...utf8(lowerAscii(hub))]);
  return weight / -ln(unit(hash));
}

// Of equal scores, the hub whose lower-case name comes first. Undefined if no hub has a weight above zero.
export function best(key, hubs, weight) {
  let found;
  for (const hub of hubs) {
    const score = hubScore(key, hub, weight(hub));
    if (score === -Infinity) continue;
    const better = found === undefined || score > found.score;
    if (better || (score === found.score && lowerAscii(hub) < lowerAscii(found.hub))) found = { score, hub };
  }
  return found?.hub;
}

// The upper 52 bits of a hash as a number between 0 and 1, neither of which it can be.
function unit(hash) {
  return (Number(hash >> 12n) + 0.5) / 2 ** 52;
}

// The natural logarithm as the recipe has it: Math.log may differ from engine to engine in the last bit.
function ln(x) {
  float[0] = x;
  let exponent = Number((bits[0] >> 52n) - EXPONENT_OF_ONE);
  bits[0] = (bits[0] & FRACTION) | (EXPONENT_OF_ONE << 52n);
  let mantissa = float[0];
  if (mantissa > SQRT2) {
    mantissa /= 2;
    exponent += 1;
  }
  const s = (mantissa - 1) / (mantissa + 1);
  const square = s * s;
  let series = 0;
  for (let k = 11; k >= 0; k--) series = series * square + 1 / (2 * k + 1);
  return exponent * LN2 + 2 * s * series;
}

// The engine has no TextEncoder.
function utf8(text) {
  const bytes = [];
  for (const character of text) {
    const point = character.codePointAt(0);
    if (point < 0x80) bytes.push(point);
    else if (point < 0x800) bytes.push(0xc0 | (point >> 6), 0x80 | (point & 63));
    else if (point < 0x10000) bytes.push(0xe0 | (point >> 12), 0x80 | ((point >> 6) & 63), 0x80 | (point & 63));
    else bytes.push(0xf0 | (point >> 18), 0x80 | ((point >> 12) & 63), 0x80 | ((point >> 6) & 63), 0x80 | (point & 63));
  }
  return bytes;
}
