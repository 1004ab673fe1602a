// What the device sent along with its registration. Not for what it hears back: that is Decision.payload.

import { SdkError } from "./error.js";
import { compareNames, describe, isObject } from "./json.js";

// Members that are named where another one is missing.
const MOST_NAMES = 10;

export class Payload {
  #text;
  #parsed;

  constructor(text) {
    this.#text = text ?? null;
  }

  get text() {
    return this.#text;
  }

  asSent() {
    return this.#parse().asSent;
  }

  value() {
    return this.#parse().opened;
  }

  find(path) {
    try {
      return walk(this.value(), path) ?? undefined;
    } catch (error) {
      if (error instanceof SdkError) return undefined;
      throw error;
    }
  }

  string(path) {
    return this.#typed(path, "a string", (value) => typeof value === "string");
  }

  integer(path) {
    return this.#typed(path, "a whole number of 64 bits", Number.isSafeInteger);
  }

  number(path) {
    return this.#typed(path, "a number", (value) => typeof value === "number");
  }

  boolean(path) {
    return this.#typed(path, "a boolean", (value) => typeof value === "boolean");
  }

  get(path) {
    const root = this.value();
    if (path !== "" && !isObject(root) && !Array.isArray(root)) throw wrongType("", root, "an object");
    const found = this.find(path);
    if (found === undefined) throw new SdkError("missing-field", `the payload has no \`${path}\`${this.#insteadOf(path)}`);
    return found;
  }

  // What there is where a path leads to nothing: a misspelt member is found by those that are there.
  #insteadOf(path) {
    let [what, found] = ["it", this.value()];
    for (let end = path.indexOf("."); end >= 0; end = path.indexOf(".", end + 1)) {
      const above = this.find(path.slice(0, end));
      if (above === undefined) break;
      [what, found] = [`\`${path.slice(0, end)}\``, above];
    }
    if (Array.isArray(found)) return `; ${what} is an array of ${found.length}`;
    if (!isObject(found)) return `; ${what} is ${describe(found)}`;
    const names = Object.keys(found).filter((name) => found[name] !== null).sort(compareNames);
    const named = names.slice(0, MOST_NAMES).map((name) => `\`${name}\``).join(", ");
    return named && `; ${what} has ${named}${names.length > MOST_NAMES ? ", …" : ""}`;
  }

  #typed(path, wanted, test) {
    const value = this.get(path);
    if (!test(value)) throw wrongType(path, value, wanted);
    return value;
  }

  // Parsed when it is first looked at.
  #parse() {
    if (this.#text === null) throw new SdkError("no-payload", "the device sent no payload");
    this.#parsed ??= parse(this.#text);
    if (this.#parsed.asSent === null) throw new SdkError("no-payload", "the device sent no payload");
    return this.#parsed;
  }
}

function parse(text) {
  let asSent;
  try {
    asSent = JSON.parse(text);
  } catch (error) {
    throw new SdkError("payload-not-json", `the payload is not JSON: ${error.message}`);
  }
  return { asSent, opened: open(asSent) };
}

// Some clients send a string that holds JSON. Only objects and arrays are opened: who sends "12" means a string.
function open(asSent) {
  if (typeof asSent !== "string" || !/^\s*[{[]/.test(asSent)) return asSent;
  try {
    return JSON.parse(asSent);
  } catch {
    return asSent;
  }
}

function walk(root, path) {
  if (path === "") return root;
  if (typeof path === "string" && !path.includes(".")) return step(root, path);
  return path.split(".").reduce(step, root);
}

function step(value, segment) {
  if (Array.isArray(value)) return /^\d+$/.test(segment) ? value[Number(segment)] : undefined;
  return isObject(value) && Object.hasOwn(value, segment) ? value[segment] : undefined;
}

function wrongType(path, found, wanted) {
  const what = path === "" ? "the payload" : `\`${path}\` in the payload`;
  return new SdkError("wrong-type", `${what} is ${describe(found)}, not ${wanted}`);
}
