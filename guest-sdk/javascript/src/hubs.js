// Choosing among the linked hubs. Every choice ends in a host name, spelled as DPS spells it.

import { SdkError } from "./error.js";
import { best, lowerAscii } from "./rendezvous.js";

// The part of a host name to hold against `wanted`: all of it if `wanted` has a dot, else its first label.
function comparable(hostName, wanted) {
  const end = wanted.includes(".") ? -1 : hostName.indexOf(".");
  return end < 0 ? hostName : hostName.slice(0, end);
}

export function hubMatches(hostName, wanted) {
  return lowerAscii(comparable(hostName, wanted)) === lowerAscii(wanted);
}

export class Hubs {
  #linked;
  #left;
  #conditions;

  constructor(linked, left = linked, conditions = []) {
    this.#linked = linked;
    this.#left = left;
    this.#conditions = conditions;
  }

  startingWith(prefix) {
    return this.#narrow("starts with", prefix, (name, wanted) => name.startsWith(wanted));
  }

  endingWith(suffix) {
    return this.#narrow("ends with", suffix, (name, wanted) => name.endsWith(wanted));
  }

  containing(word) {
    return this.#narrow("contains", word, (name, wanted) => name.includes(wanted));
  }

  named(name) {
    return this.#left.find((hostName) => hubMatches(hostName, name)) ?? this.#nothingLeft(`named \`${name}\``);
  }

  first() {
    return this.#left[0] ?? this.#nothingLeft("");
  }

  spread(key) {
    return best(key, this.#left, () => 1) ?? this.#nothingLeft("");
  }

  spreadWeighted(key, weight) {
    return best(key, this.#left, weight) ?? this.#nothingLeft("with a weight above zero");
  }

  [Symbol.iterator]() {
    return this.#left[Symbol.iterator]();
  }

  get length() {
    return this.#left.length;
  }

  #narrow(verb, wanted, test) {
    const lower = lowerAscii(wanted);
    const left = this.#left.filter((hostName) => test(lowerAscii(comparable(hostName, wanted)), lower));
    return new Hubs(this.#linked, left, [...this.#conditions, [verb, wanted]]);
  }

  #nothingLeft(wish) {
    let wanted = "hub";
    const conditions = this.#conditions.map(([verb, part]) => `${verb} \`${part}\``);
    if (conditions.length > 0) wanted += ` whose name ${conditions.join(" and ")}`;
    if (wish !== "") wanted += ` ${wish}`;
    throw new SdkError("no-hub", `no linked ${wanted}; linked: ${this.#linked.join(", ")}`);
  }
}
