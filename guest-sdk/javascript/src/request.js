// One device asks for a hub. Not for making requests up in tests: that is testing.js.

import { Hubs, hubMatches } from "./hubs.js";
import { Payload } from "./payload.js";

export class Request {
  #contract;
  #payload;

  constructor(contract) {
    this.#contract = contract;
    this.#payload = new Payload(contract.payload);
  }

  get registrationId() {
    return this.#contract.registrationId;
  }

  get assignment() {
    return this.#contract.assignment;
  }

  get isFirst() {
    return this.assignment.tag === "first";
  }

  get isPinned() {
    return this.assignment.tag === "pinned";
  }

  get current() {
    return this.assignment.val ?? null;
  }

  get currentHub() {
    return this.current?.hub ?? null;
  }

  keepCurrentHub() {
    const current = this.currentHub;
    if (current === null) return null;
    return this.linkedHubs.find((hub) => hubMatches(hub, current)) ?? null;
  }

  get attestation() {
    return this.#contract.attestation;
  }

  get certificate() {
    return this.attestation.tag === "x509" ? (this.attestation.val.facts ?? null) : null;
  }

  get enrollment() {
    return this.#contract.enrollment;
  }

  get group() {
    const { tag, val } = this.enrollment.identity;
    return tag === "group" ? val : null;
  }

  get individual() {
    const { tag, val } = this.enrollment.identity;
    return tag === "individual" ? val : null;
  }

  get linkedHubs() {
    return this.#contract.linkedHubs;
  }

  hubs() {
    return new Hubs(this.linkedHubs);
  }

  get payload() {
    return this.#payload;
  }

  modelId() {
    const has = (path) => this.#payload.find(path) !== undefined;
    return this.#payload.string(!has("modelId") && has("iotcModelId") ? "iotcModelId" : "modelId");
  }

  get runtimeContext() {
    return this.#contract.runtimeContext;
  }

  get contract() {
    return this.#contract;
  }
}
