// A policy's deliberate "no". It is thrown, so that it ends the decision from wherever the policy is.

import { SdkError } from "./error.js";

export class Refusal extends Error {
  constructor(kind, message, afterSeconds) {
    super(message);
    this.name = "Refusal";
    this.kind = kind;
    this.afterSecondsOrNull = afterSeconds;
  }

  static reject(message) {
    return new Refusal("reject", String(message), null);
  }

  static retryLater(message) {
    return new Refusal("retry-later", String(message), null);
  }

  // The refusal that something thrown stands for; null if it is a fault.
  static of(thrown) {
    if (thrown instanceof Refusal) return thrown;
    if (!(thrown instanceof SdkError)) return null;
    return thrown.isRequestsFault ? Refusal.reject(thrown.message) : Refusal.retryLater(thrown.message);
  }

  // A rejection stays as it is.
  afterSeconds(seconds) {
    if (!Number.isInteger(seconds) || seconds < 0 || seconds > 0xffffffff) {
      throw new TypeError(`a wait is a whole number of seconds, not ${seconds}`);
    }
    if (this.kind === "retry-later") this.afterSecondsOrNull = seconds;
    return this;
  }

  get isReject() {
    return this.kind === "reject";
  }

  toContract() {
    const message = this.message.toWellFormed();
    if (this.isReject) return { tag: "reject", val: message };
    return { tag: "retry-later", val: { message, afterSeconds: this.afterSecondsOrNull } };
  }
}
