// XXH64 with seed 0, as its published description has it. In halves of 32 bits, since the engine makes an object of every
// BigInt, which was most of what a decision cost.

const [HIGH1, LOW1] = [0x9e3779b1, 0x85ebca87];
const [HIGH2, LOW2] = [0xc2b2ae3d, 0x27d4eb4f];
const [HIGH3, LOW3] = [0x165667b1, 0x9e3779f9];
const [HIGH4, LOW4] = [0x85ebca77, 0xc2b2ae63];
const [HIGH5, LOW5] = [0x27d4eb2f, 0x165667c5];

// The number that the functions below work on.
let high = 0;
let low = 0;

function set(h, l) {
  high = h;
  low = l;
}

function add(h, l) {
  const sum = (low >>> 0) + (l >>> 0);
  high = (high + h + (sum > 0xffffffff ? 1 : 0)) | 0;
  low = sum | 0;
}

function xor(h, l) {
  high ^= h;
  low ^= l;
}

// Of two lower halves all 64 bits count: they are multiplied by 16 bits, so that no product is too large to be exact.
function multiply(h, l) {
  const a = low >>> 16;
  const b = low & 0xffff;
  const c = l >>> 16;
  const d = l & 0xffff;
  const bottom = b * d;
  const middle = a * d + (bottom >>> 16);
  const other = b * c + (middle & 0xffff);
  high = (a * c + (middle >>> 16) + (other >>> 16) + Math.imul(high, l) + Math.imul(low, h)) | 0;
  low = (other << 16) | (bottom & 0xffff);
}

// By 1 to 31 bits.
function rotate(by) {
  const before = high;
  high = (high << by) | (low >>> (32 - by));
  low = (low << by) | (before >>> (32 - by));
}

function word(bytes, at) {
  return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
}

// A lane, to which so much is added, goes one round on.
function round(laneHigh, laneLow, h, l) {
  set(h, l);
  multiply(HIGH2, LOW2);
  add(laneHigh, laneLow);
  rotate(31);
  multiply(HIGH1, LOW1);
}

function lanesOf(bytes, end) {
  set(HIGH1, LOW1);
  add(HIGH2, LOW2);
  const first = [high, low];
  set(~HIGH1, ~LOW1);
  add(0, 1);
  const lanes = [first, [HIGH2, LOW2], [0, 0], [high, low]];
  for (let at = 0; at < end; at += 8) {
    const lane = lanes[(at >>> 3) & 3];
    round(lane[0], lane[1], word(bytes, at + 4), word(bytes, at));
    lane[0] = high;
    lane[1] = low;
  }
  return lanes;
}

function joined(lanes) {
  let h = 0;
  let l = 0;
  [1, 7, 12, 18].forEach((by, lane) => {
    set(lanes[lane][0], lanes[lane][1]);
    rotate(by);
    add(h, l);
    h = high;
    l = low;
  });
  for (const lane of lanes) {
    round(0, 0, lane[0], lane[1]);
    xor(h, l);
    multiply(HIGH1, LOW1);
    add(HIGH4, LOW4);
    h = high;
    l = low;
  }
}

// The upper and the lower 32 bits, each a number without a sign.
export function xxh64(bytes) {
  const size = bytes.length;
  let at = size & ~31;
  if (at > 0) joined(lanesOf(bytes, at));
  else set(HIGH5, LOW5);
  add(0, size);
  for (; at + 8 <= size; at += 8) {
    const h = high;
    const l = low;
    round(0, 0, word(bytes, at + 4), word(bytes, at));
    xor(h, l);
    rotate(27);
    multiply(HIGH1, LOW1);
    add(HIGH4, LOW4);
  }
  if (at + 4 <= size) {
    const h = high;
    const l = low;
    set(0, word(bytes, at));
    multiply(HIGH1, LOW1);
    xor(h, l);
    rotate(23);
    multiply(HIGH2, LOW2);
    add(HIGH3, LOW3);
    at += 4;
  }
  for (; at < size; at++) {
    const h = high;
    const l = low;
    set(0, bytes[at]);
    multiply(HIGH5, LOW5);
    xor(h, l);
    rotate(11);
    multiply(HIGH1, LOW1);
  }
  xor(0, high >>> 1);
  multiply(HIGH2, LOW2);
  xor(high >>> 29, (high << 3) | (low >>> 29));
  multiply(HIGH3, LOW3);
  xor(0, high);
  return [high >>> 0, low >>> 0];
}
