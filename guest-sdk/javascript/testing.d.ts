/** Unit tests for policies, without WebAssembly. */
import type { CertificateFacts, Json, JsonObject, Request, log } from "./index.js";

/** Starts a request: unless told otherwise a first registration through the group `devices`, with a key and no payload. */
export function request(registrationId: string): RequestBuilder;

/** Reads the body of a webhook call that DPS has made: a captured one, or the `request` of a check. */
export function requestFromDps(body: string | JsonObject): Request;

export interface RequestBuilder {
  /** Lets the device come through this enrollment group. */
  group(id: string): this;
  /** Lets the device come through an enrollment of its own. */
  individual(): this;
  /** Links these hubs and no others. */
  hubs(hostNames: Iterable<string>): this;
  /** Lets the device have a hub already, from which it may move. */
  currentlyAt(hostName: string): this;
  /** Lets the device have a hub already, on which it has to stay. */
  pinnedAt(hostName: string): this;
  /** Lets the device send this payload. */
  payload(value: Json): this;
  /** Lets the device send a payload of exactly this text. */
  payloadText(text: string): this;
  /** Lets the device show a certificate with these facts; `null` stands for one that cannot be parsed. */
  x509(facts: CertificateFacts | null): this;
  /** Lets the device show a TPM with this endorsement key, base64. */
  tpm(endorsementKey: string): this;
  build(): Request;
}

/** Plays the part of Berth for a policy under test. */
export class Host {
  settings(settings: JsonObject): this;
  /** Gives the policy a table with these rows, by key. */
  table(name: string, rows: { [key: string]: unknown }): this;
  /** Limits the look-ups of one `run`. */
  maxLookups(most: number): this;
  /** Runs a function, usually a policy's, with this host around it. */
  run<R>(policy: () => R): R;
  /** What the policy has logged so far, in order, over all runs. */
  readonly log: { level: log.Level; message: string }[];
}
