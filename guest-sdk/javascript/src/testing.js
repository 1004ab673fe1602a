// Unit tests for policies, without WebAssembly: requests, and a Host that plays the part of Berth.
//
// Not for checks: those are files beside the policy, which Berth runs against the component itself.

import { exchangeHost } from "./host.js";
import { Request } from "./request.js";
import { readBody } from "./testing-body.js";

// Starts a request of the device with this registration id: unless told otherwise a first registration through the group
// `devices` with a symmetric key and no payload, with two linked hubs.
export function request(registrationId) {
  return new RequestBuilder(registrationId);
}

// Reads the body of a webhook call that DPS has made: a captured one, or the `request` of a check. Text or parsed.
export function requestFromDps(body) {
  return new Request(readBody(typeof body === "string" ? JSON.parse(body) : body));
}

class RequestBuilder {
  #registrationId;
  #group = "devices";
  #hubs = ["hub-a.azure-devices.net", "hub-b.azure-devices.net"];
  #currentHub = null;
  #pinned = false;
  #payload = undefined;
  #kind = "symmetricKey";
  #proof = {};
  #facts = null;

  constructor(registrationId) {
    this.#registrationId = registrationId;
  }

  group(id) {
    this.#group = id;
    return this;
  }

  individual() {
    this.#group = null;
    return this;
  }

  hubs(hostNames) {
    this.#hubs = [...hostNames];
    return this;
  }

  currentlyAt(hostName) {
    [this.#currentHub, this.#pinned] = [hostName, false];
    return this;
  }

  pinnedAt(hostName) {
    [this.#currentHub, this.#pinned] = [hostName, true];
    return this;
  }

  payload(value) {
    return this.payloadText(JSON.stringify(value));
  }

  payloadText(text) {
    this.#payload = text;
    return this;
  }

  x509(facts) {
    [this.#kind, this.#proof, this.#facts] = ["x509", { clientCertificate: "MIIB" }, facts];
    return this;
  }

  tpm(endorsementKey) {
    [this.#kind, this.#proof] = ["tpm", { endorsementKey }];
    return this;
  }

  build() {
    const contract = readBody(this.#body());
    if (contract.payload !== null) contract.payload = this.#payload;
    if (contract.attestation.tag === "x509") contract.attestation.val.facts = this.#facts;
    return new Request(contract);
  }

  #body() {
    const deviceRuntimeContext = { registrationId: this.#registrationId, [this.#kind]: this.#proof };
    if (this.#currentHub !== null) {
      deviceRuntimeContext.currentIotHubHostName = this.#currentHub;
      deviceRuntimeContext.currentDeviceId = this.#registrationId;
    }
    if (this.#payload !== undefined) deviceRuntimeContext.payload = JSON.parse(this.#payload);
    const enrollment = {
      ...(this.#group === null ? { registrationId: this.#registrationId } : { enrollmentGroupId: this.#group }),
      attestation: { type: this.#kind },
      provisioningStatus: "enabled",
      reprovisionPolicy: { updateHubAssignment: !this.#pinned, migrateDeviceData: true },
      allocationPolicy: "custom",
    };
    const kind = this.#group === null ? "individualEnrollment" : "enrollmentGroup";
    return { [kind]: enrollment, deviceRuntimeContext, linkedHubs: this.#hubs };
  }
}

// Berth's part in a unit test: settings, tables and log. Hosts nest, and leave nothing behind.
export class Host {
  #settings = "{}";
  #tables = new Map();
  #maxLookups = Infinity;
  #lookups = 0;
  #log = [];

  settings(settings) {
    this.#settings = JSON.stringify(settings);
    return this;
  }

  // The row of a CSV file would be an object whose values are all strings.
  table(name, rows) {
    this.#tables.set(name, new Map(Object.entries(rows).map(([key, row]) => [key, JSON.stringify(row)])));
    return this;
  }

  // Limits the look-ups of one `run`. Without this there is no limit.
  maxLookups(most) {
    this.#maxLookups = most;
    return this;
  }

  run(policy) {
    this.#lookups = 0;
    const before = exchangeHost({
      write: (level, message) => this.#log.push({ level, message }),
      settings: () => this.#settings,
      lookup: (table, key) => this.#lookup(table, key),
    });
    try {
      return policy();
    } finally {
      exchangeHost(before);
    }
  }

  get log() {
    return [...this.#log];
  }

  #lookup(table, key) {
    if (this.#lookups >= this.#maxLookups) throw "too-many-lookups";
    this.#lookups += 1;
    if (!this.#tables.has(table)) throw "no-such-table";
    return this.#tables.get(table).get(key) ?? null;
  }
}
