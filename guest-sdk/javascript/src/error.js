// What the SDK's own helpers complain about. Not for a policy's deliberate "no": that is a Refusal.

// Kinds that are the policy's own fault, so that a device should not pay for them for good.
const OF_THE_POLICY = new Set(["settings", "table"]);

export class SdkError extends Error {
  constructor(kind, message) {
    super(message);
    this.name = "SdkError";
    this.kind = kind;
  }

  get isRequestsFault() {
    return !OF_THE_POLICY.has(this.kind);
  }
}
