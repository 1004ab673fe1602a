// Where a device goes, with what first twin, and what it hears. Not for choosing the hub: that is Hubs.

import { describe, isObject, write } from "./json.js";

export class Decision {
  #hub;
  #twin = null;
  #payload = null;
  #reasons = [];

  constructor(hub) {
    if (typeof hub !== "string") throw new TypeError(`a hub is the text of a host name, not ${describe(hub)}`);
    this.#hub = hub;
  }

  static to(hub) {
    return new Decision(hub);
  }

  twin(twin) {
    if (!(twin instanceof Twin)) throw new TypeError(`a decision's twin is a Twin, not ${describe(twin)}`);
    this.#twin = twin;
    return this;
  }

  payload(members) {
    if (!isObject(members)) {
      throw new TypeError(`the payload of a decision must be a JSON object, not ${describe(members)}`);
    }
    this.#payload = members;
    return this;
  }

  because(reason) {
    this.#reasons.push(String(reason));
    return this;
  }

  get hub() {
    return this.#hub;
  }

  get initialTwin() {
    return this.#twin;
  }

  get reply() {
    return this.#payload;
  }

  get reasons() {
    return [...this.#reasons];
  }

  toContract() {
    return {
      hub: this.#hub.toWellFormed(),
      initialTwin: this.#twin?.toContract() ?? null,
      payload: this.#payload === null ? null : write(this.#payload),
      reasons: this.#reasons.map((reason) => reason.toWellFormed()),
    };
  }
}

export class Twin {
  // Without a prototype, so that a tag named `__proto__` is a tag like any other.
  #tags = Object.create(null);
  #desired = Object.create(null);

  tag(name, value) {
    this.#tags[name] = value;
    return this;
  }

  desired(name, value) {
    this.#desired[name] = value;
    return this;
  }

  withTags(members) {
    return addAll(this, this.#tags, members);
  }

  withDesired(members) {
    return addAll(this, this.#desired, members);
  }

  get tags() {
    return { ...this.#tags };
  }

  get desiredProperties() {
    return { ...this.#desired };
  }

  toContract() {
    return { tags: textOfMembers(this.#tags), desiredProperties: textOfMembers(this.#desired) };
  }
}

function addAll(twin, to, members) {
  if (!isObject(members)) throw new TypeError(`a twin takes the members of an object, not ${describe(members)}`);
  Object.assign(to, members);
  return twin;
}

// An object without members is left out, as DPS leaves it out.
function textOfMembers(members) {
  return Object.keys(members).length === 0 ? null : write(members);
}
