// Rendezvous hashing: every device ranks all hubs and takes the best.
//
// The recipe is that of the Rust SDK (guest-sdk/src/rendezvous.rs), to the bit: a policy rewritten in another language
// leaves every device where it is.

import { xxh64 } from "./xxh64.js";

const LN2 = 0.6931471805599453;
const SQRT2 = 1.4142135623730951;
const EXPONENT_OF_ONE = 1023;
// Of the terms of the logarithm's series, the last one first.
const TERMS = Array.from({ length: 12 }, (_, index) => 1 / (2 * (11 - index) + 1));

const float = new DataView(new ArrayBuffer(8));

export function lowerAscii(text) {
  const lower = text.toLowerCase();
  // Nothing to lower in any alphabet, or only ASCII's letters. To look at each character is slow.
  if (lower === text || /^[\0-\x7f]*$/.test(text)) return lower;
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

function counts(weight) {
  return typeof weight === "number" && weight > 0 && weight < Infinity;
}

export function hubScore(key, hub, weight) {
  if (!counts(weight)) return -Infinity;
  const [high, low] = xxh64(utf8(`${lowerAscii(key)}\0${lowerAscii(hub)}`));
  return weight / -ln(unit(high, low));
}

// Of equal scores, the hub whose lower-case name comes first. Undefined if no hub has a weight above zero.
export function best(key, hubs, weight) {
  // Also where nothing is compared: a key that is none is a mistake whether or not there is a second hub.
  const lower = lowerAscii(key);
  const left = [];
  for (const hub of hubs) {
    const each = { hub, weight: weight(hub) };
    if (counts(each.weight)) left.push(each);
  }
  // What wins anyway needs no score.
  if (left.length < 2) return left[0]?.hub;
  let found;
  for (const { hub, weight } of left) {
    const score = hubScore(lower, hub, weight);
    const better = found === undefined || score > found.score;
    if (better || (score === found.score && lowerAscii(hub) < lowerAscii(found.hub))) found = { score, hub };
  }
  return found.hub;
}

// The upper 52 bits of a hash as a number between 0 and 1, neither of which it can be.
function unit(high, low) {
  return (high * 2 ** 20 + (low >>> 12) + 0.5) / 2 ** 52;
}

// The natural logarithm as the recipe has it: Math.log may differ from engine to engine in the last bit.
function ln(x) {
  float.setFloat64(0, x);
  // Above the fraction's upper 20 bits.
  const upper = float.getUint32(0);
  let exponent = (upper >>> 20) - EXPONENT_OF_ONE;
  float.setUint32(0, (upper & 0xfffff) | (EXPONENT_OF_ONE << 20));
  let mantissa = float.getFloat64(0);
  if (mantissa > SQRT2) {
    mantissa /= 2;
    exponent += 1;
  }
  const s = (mantissa - 1) / (mantissa + 1);
  const square = s * s;
  let series = 0;
  for (const term of TERMS) series = series * square + term;
  return exponent * LN2 + 2 * s * series;
}

// The engine has no TextEncoder.
function utf8(text) {
  const bytes = [];
  for (let at = 0; at < text.length; at++) {
    const point = text.codePointAt(at);
    if (point < 0x80) bytes.push(point);
    else if (point < 0x800) bytes.push(0xc0 | (point >> 6), 0x80 | (point & 63));
    else if (point < 0x10000) bytes.push(0xe0 | (point >> 12), 0x80 | ((point >> 6) & 63), 0x80 | (point & 63));
    else {
      bytes.push(0xf0 | (point >> 18), 0x80 | ((point >> 12) & 63), 0x80 | ((point >> 6) & 63), 0x80 | (point & 63));
      // It has two halves.
      at++;
    }
  }
  return bytes;
}
