// Allocation policies for Berth, in JavaScript and TypeScript.
//
// A policy is one function, `allocate(request)`, that returns a Decision or throws a Refusal. What a helper of the SDK
// throws becomes a refusal too: what is wrong with the request rejects the device; what is wrong with the policy's own
// settings or tables asks DPS to come again. Anything else that is thrown is a fault of the policy: its message and place
// are written to the policy's log. The types, with a comment on each, are in index.d.ts.

export { Decision, Twin } from "./decision.js";
export { SdkError } from "./error.js";
export { Hubs, hubMatches } from "./hubs.js";
export * as log from "./log.js";
export { Payload } from "./payload.js";
export { Refusal } from "./refusal.js";
export { hubScore } from "./rendezvous.js";
export { Request } from "./request.js";
export { settings } from "./settings.js";
export * as tables from "./tables.js";
