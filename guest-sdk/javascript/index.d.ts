/**
 * Allocation policies for Berth.
 *
 * A policy is one function that gets the {@link Request} of one device, and returns a {@link Decision} or throws a
 * {@link Refusal}:
 *
 * ```js
 * import { Decision, Twin } from "berth-sdk";
 *
 * export function allocate(request) {
 *   const model = request.payload.string("modelId");
 *   const hub = request.keepCurrentHub() ?? request.hubs().spread(request.registrationId);
 *   return Decision.to(hub).twin(new Twin().tag("model", model)).because("model-known");
 * }
 * ```
 *
 * Besides the request it can reach its settings, its tables and its log. There is no clock, no randomness, no file and no
 * network, so the same request always gets the same decision.
 */

/** Any JSON value. */
export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

/** A JSON object. Members that are `undefined` are left out. */
export type JsonObject = { [name: string]: unknown };

/** A policy's main function. */
export type Allocate = (request: Request) => Decision;

/** Says whether settings are ones the policy can work with, before they serve: throws an error whose message says why not. */
export type ValidateSettings<S = any> = (settings: S) => void;

/** A policy's answer for one device. */
export class Decision {
  /** Sends the device to this hub: one of the request's linked hubs, in any case. */
  static to(hub: string): Decision;
  /** Gives the device this first twin in place of the enrollment's. DPS uses it on a first assignment, and on a move that resets the device's data. */
  twin(twin: Twin): this;
  /** Lets the device hear this. DPS hands it over in every case. Nothing but a JSON object reaches a device. */
  payload(members: JsonObject): this;
  /** Notes why, in one short machine-readable word such as `model-known`. For Berth's log; it never reaches the device. */
  because(reason: string): this;
  /** The hub's host name, as it was given. */
  readonly hub: string;
  /** The first twin, if the decision has one. */
  readonly initialTwin: Twin | null;
  /** What the device hears, if anything. */
  readonly reply: JsonObject | null;
  /** Why, in the order the reasons were noted. */
  readonly reasons: string[];
}

/** A device's first twin: its tags and its desired properties. */
export class Twin {
  /** Sets one tag. A device never sees its tags. */
  tag(name: string, value: unknown): this;
  /** Sets one desired property. */
  desired(name: string, value: unknown): this;
  /** Sets every member as a tag, over tags of the same names. */
  withTags(members: JsonObject): this;
  /** Sets every member as a desired property, over properties of the same names. */
  withDesired(members: JsonObject): this;
  readonly tags: JsonObject;
  readonly desiredProperties: JsonObject;
}

/** Why a device gets no hub, now or at all. It is thrown. */
export class Refusal extends Error {
  /** The device is not welcome. Permanent for this attempt: DPS reports a failure to the device. */
  static reject(message: string): Refusal;
  /** Not now. DPS asks again, ten times over about seven minutes. */
  static retryLater(message: string): Refusal;
  /** Sets how many seconds DPS should wait before it asks again. A rejection stays as it is. */
  afterSeconds(seconds: number): this;
  readonly kind: "reject" | "retry-later";
  readonly isReject: boolean;
}

/**
 * What a helper of the SDK complains about. Uncaught it becomes a refusal: what is wrong with the request rejects the
 * device, what is wrong with the policy's settings or tables asks DPS to come again.
 */
export class SdkError extends Error {
  readonly kind: "no-payload" | "payload-not-json" | "missing-field" | "wrong-type" | "no-hub" | "settings" | "table";
}

/** Linked hubs, as many of them as passed the conditions so far. Conditions look at the first label of a host name, or at all of it if what they look for has a dot; none regards case. */
export class Hubs implements Iterable<string> {
  /** Those whose name starts with a prefix. */
  startingWith(prefix: string): Hubs;
  /** Those whose name ends with a suffix. */
  endingWith(suffix: string): Hubs;
  /** Those whose name contains a word. */
  containing(word: string): Hubs;
  /** The hub of this name: a whole host name, or just its first label. Rejects the device if there is none. */
  named(name: string): string;
  /** The first hub left, in DPS's order. Rejects the device if none is left. */
  first(): string;
  /** The hub that a key prefers, by rendezvous hash: always the same one while it is there, and evenly spread over many keys. */
  spread(key: string): string;
  /** The hub that a key prefers, each hub getting a share in proportion to its weight. One without a weight above zero gets nothing. */
  spreadWeighted(key: string, weight: (hostName: string) => number): string;
  [Symbol.iterator](): Iterator<string>;
  /** How many hubs are left. */
  readonly length: number;
}

/** Whether a host name is the hub meant: by its whole host name, or by its first label. Without regard to case. */
export function hubMatches(hostName: string, wanted: string): boolean;

/** How much a key prefers a hub: the hub with the highest score wins. The recipe is the same in every SDK, to the bit. */
export function hubScore(key: string, hub: string, weight: number): number;

/**
 * A device's payload. Some clients send a *string that holds* JSON: `asSent` gives the string, everything else looks into it.
 *
 * A path is dotted: `firmware.version`, `sensors.0`; the empty path is the payload itself. A `null` counts as missing. What
 * is missing or of another type rejects the device, naming the path.
 */
export class Payload {
  /** The JSON text, byte for byte as DPS sent it. `null` if the device sent nothing or `null`. */
  readonly text: string | null;
  asSent(): Json;
  value(): Json;
  /** What is at a path; `undefined` if there is nothing. */
  find(path: string): Json | undefined;
  string(path: string): string;
  /** The whole number at a path. Beyond 2^53 JavaScript has no whole numbers; take such as text. */
  integer(path: string): number;
  number(path: string): number;
  boolean(path: string): boolean;
  get<T = Json>(path: string): T;
}

/** DPS's allocation request for one device. */
export class Request {
  /** The device's registration id, as the device gave it. DPS compares these without regard to case. */
  readonly registrationId: string;
  readonly assignment: Assignment;
  /** Whether the device has no hub yet. */
  readonly isFirst: boolean;
  /** Whether the device stays on its hub whatever is decided. The decision's payload still reaches it. */
  readonly isPinned: boolean;
  /** Where the device is now. */
  readonly current: CurrentAssignment | null;
  /** The host name of the device's hub. It need not be linked any more. */
  readonly currentHub: string | null;
  /** The device's hub while it is still linked, as DPS spells it among the linked hubs. */
  keepCurrentHub(): string | null;
  /** How the device proved who it is. */
  readonly attestation: Attestation;
  /** What the device's X.509 certificate says, if it showed one that can be parsed. */
  readonly certificate: CertificateFacts | null;
  /** The enrollment through which the device came. */
  readonly enrollment: Enrollment;
  /** The id of the enrollment group; `null` if the device has an enrollment of its own. */
  readonly group: string | null;
  /** The device's own enrollment; `null` if it came through a group. */
  readonly individual: IndividualEnrollment | null;
  /** Host names of the linked hubs, in DPS's order and spelling. Never empty. */
  readonly linkedHubs: readonly string[];
  /** The linked hubs, to choose from. */
  hubs(): Hubs;
  /** What the device sent along. */
  readonly payload: Payload;
  /** The IoT Plug and Play model the device announces: `modelId`, or IoT Central's older `iotcModelId`. Rejects the device without one. */
  modelId(): string;
  /** The whole `deviceRuntimeContext` as JSON text. */
  readonly runtimeContext: string;
  /** The record of the contract behind this request. */
  readonly contract: Contract;
}

export type CurrentAssignment = { hub: string; deviceId: string | null };
export type Assignment = { tag: "first" } | { tag: "may-move" | "pinned"; val: CurrentAssignment };

/** What an X.509 certificate says. Names are in RFC 4514's form: `CN=dev1,O=Contoso`. */
export type CertificateFacts = {
  subject: string;
  subjectCommonName: string | null;
  issuer: string;
  issuerCommonName: string | null;
  subjectAlternativeNames: { tag: "dns" | "uri" | "email" | "ip"; val: string }[];
  serialNumber: string;
  notBefore: string;
  notAfter: string;
  sha1Thumbprint: string;
  sha256Thumbprint: string;
};

export type Attestation =
  | { tag: "symmetric-key" }
  | { tag: "x509"; val: { clientCertificate: string | null; facts: CertificateFacts | null } }
  | { tag: "tpm"; val: { endorsementKey: string | null; storageRootKey: string | null } };

export type IndividualEnrollment = {
  registrationId: string;
  deviceId: string | null;
  /** JSON text. */
  registrationState: string | null;
  /** JSON text. */
  optionalDeviceInformation: string | null;
};

type Other = { tag: "other"; val: string };

/** An enrollment. DPS leaves out what is not set, so nearly all of it may be `null`. */
export type Enrollment = {
  identity: { tag: "individual"; val: IndividualEnrollment } | { tag: "group"; val: string };
  attestationKind: { tag: "symmetric-key" | "x509" | "tpm" | "none" } | Other;
  iotEdge: boolean | null;
  iotHubHostName: string | null;
  /** Each a JSON text. */
  initialTwin: { tags: string | null; desiredProperties: string | null } | null;
  etag: string | null;
  provisioningStatus: { tag: "enabled" | "disabled" } | Other | null;
  reprovisionPolicy: { updateHubAssignment: boolean; migrateDeviceData: boolean } | null;
  createdDateTimeUtc: string | null;
  lastUpdatedDateTimeUtc: string | null;
  allocationPolicy: { tag: "hashed" | "geo-latency" | "static" | "custom" } | Other | null;
  iotHubs: string[];
  customAllocationDefinition: { webhookUrl: string; apiVersion: string } | null;
  credentialPolicyName: string | null;
  /** The whole enrollment as JSON text. */
  document: string;
};

/** The request as the contract words it. */
export type Contract = {
  registrationId: string;
  assignment: Assignment;
  attestation: Attestation;
  payload: string | null;
  enrollment: Enrollment;
  linkedHubs: string[];
  runtimeContext: string;
};

/** The policy's settings: a JSON object, `{}` if there are none. */
export function settings<S = any>(): S;

/** Read-only reference data beside the policy. */
export namespace tables {
  /** Looks up a key in `tables/NAME.csv` or `tables/NAME.json`. `undefined` if the table has no such key. Without such a table DPS is asked to come again. */
  function lookup<Row = any>(table: string, key: string): Row | undefined;
}

/** The policy's log. Its owner reads it; no device ever does. */
export namespace log {
  type Level = "debug" | "info" | "warn" | "error";
  function debug(message: unknown): void;
  function info(message: unknown): void;
  function warn(message: unknown): void;
  function error(message: unknown): void;
  function write(level: Level, message: unknown): void;
}
