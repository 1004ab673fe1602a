// JSON as every SDK of Berth writes it: no spaces, members in the order of their names, and
// the shortest numbers that stand for the same ones.

export function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

// Names are compared by code point, as UTF-8 orders them; `<` would compare halves of surrogate pairs.
export function compareNames(a, b) {
  const [left, right] = [Array.from(a), Array.from(b)];
  for (let at = 0; at < left.length && at < right.length; at++) {
    const difference = left[at].codePointAt(0) - right[at].codePointAt(0);
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}

function sorted(names) {
  // Without halves of surrogate pairs both orders are the same, and the engine's own is much faster.
  return /[\ud800-\udfff]/.test(names.join("")) ? names.sort(compareNames) : names.sort();
}

// The engine's own writer is many times as fast as this one, and nearly every value is one that both write alike.
export function write(value) {
  return isPlain(value) ? JSON.stringify(value) : writeOwn(value);
}

function isPlain(value) {
  if (typeof value === "number") {
    const magnitude = Math.abs(value);
    return magnitude === 0 || (magnitude >= 1e-5 && magnitude < 1e21);
  }
  if (typeof value === "string" || typeof value === "boolean" || value === null) return true;
  if (typeof value !== "object" || value.toJSON !== undefined) return false;
  if (value instanceof Number || value instanceof String || value instanceof Boolean) return false;
  if (Array.isArray(value)) {
    for (let at = 0; at < value.length; at++) if (!isPlain(value[at])) return false;
    return true;
  }
  let before = "";
  for (const name of Object.keys(value)) {
    if (!inOrder(before, name) || !isPlain(value[name])) return false;
    before = name;
  }
  return true;
}

// Whether a name surely comes after another. Halves of surrogate pairs are for whoever compares code points.
function inOrder(before, name) {
  for (let at = 0; at < before.length; at++) {
    const left = before.charCodeAt(at);
    const right = name.charCodeAt(at);
    // At the end of the name, which is shorter, there is no number to compare.
    if (left !== right) return left < right && left < 0xd800;
  }
  return true;
}

function writeOwn(value) {
  if (Array.isArray(value)) return `[${value.map((element) => write(element ?? null)).join(",")}]`;
  if (typeof value?.toJSON === "function") return write(value.toJSON());
  if (isObject(value)) {
    const names = sorted(Object.keys(value).filter((name) => value[name] !== undefined));
    return `{${names.map((name) => `${JSON.stringify(name)}:${write(value[name])}`).join(",")}}`;
  }
  if (typeof value === "number") return writeNumber(value);
  const text = JSON.stringify(value);
  if (text === undefined) throw new TypeError(`a ${typeof value} has no place in JSON`);
  return text;
}

// As the other SDKs write numbers. JavaScript alone does not tell 21.0 from 21.
function writeNumber(value) {
  if (!Number.isFinite(value)) throw new TypeError(`${value} has no place in JSON`);
  const magnitude = Math.abs(value);
  return (magnitude > 0 && magnitude < 1e-5 ? value.toExponential() : String(value)).replace("e+", "e");
}

export function describe(value) {
  if (value === null || value === undefined) return "null";
  if (Array.isArray(value)) return "an array";
  return { boolean: "a boolean", number: "a number", string: "a string" }[typeof value] ?? "an object";
}
