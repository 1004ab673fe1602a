// A request as DPS sends it, made the contract's record. Not the server's reading of it, which is stricter about sizes and
// also parses certificates.

const KINDS = { symmetricKey: "symmetric-key", x509: "x509", tpm: "tpm", none: "none" };
const POLICIES = { hashed: "hashed", geoLatency: "geo-latency", static: "static", custom: "custom" };
const STATUSES = { enabled: "enabled", disabled: "disabled" };

export function readBody(body) {
  if (!body.linkedHubs?.length) throw new Error("DPS could not send this request: linkedHubs is empty");
  if (!body.individualEnrollment === !body.enrollmentGroup) {
    throw new Error("DPS could not send this request: it wants one of individualEnrollment and enrollmentGroup");
  }
  const enrollment = readEnrollment(body.individualEnrollment ?? body.enrollmentGroup, !!body.individualEnrollment);
  const context = body.deviceRuntimeContext;
  return {
    registrationId: context.registrationId,
    assignment: readAssignment(context, enrollment.reprovisionPolicy),
    attestation: readAttestation(context),
    payload: textOf(context.payload),
    enrollment,
    linkedHubs: body.linkedHubs,
    runtimeContext: JSON.stringify(context),
  };
}

function readAssignment(context, reprovisionPolicy) {
  const hub = context.currentIotHubHostName ?? context.currentIoTHubHostname ?? null;
  if (hub === null) return { tag: "first" };
  const stays = reprovisionPolicy?.updateHubAssignment === false;
  return { tag: stays ? "pinned" : "may-move", val: { hub, deviceId: context.currentDeviceId ?? null } };
}

function readAttestation({ symmetricKey, x509, tpm }) {
  if ([symmetricKey, x509, tpm].filter((proof) => proof !== undefined).length !== 1) {
    throw new Error("DPS could not send this request: it wants one of symmetricKey, x509 and tpm");
  }
  if (x509) return { tag: "x509", val: { clientCertificate: x509.clientCertificate ?? null, facts: null } };
  if (tpm) {
    const { endorsementKey = null, storageRootKey = null } = tpm;
    return { tag: "tpm", val: { endorsementKey, storageRootKey } };
  }
  return { tag: "symmetric-key" };
}

function readEnrollment(document, individual) {
  const twin = document.initialTwin;
  return {
    identity: readIdentity(document, individual),
    attestationKind: caseOf(KINDS, document.attestation.type),
    iotEdge: document.capabilities?.iotEdge ?? null,
    iotHubHostName: document.iotHubHostName ?? null,
    initialTwin: twin ? { tags: textOf(twin.tags), desiredProperties: textOf(twin.properties?.desired) } : null,
    etag: document.etag ?? null,
    provisioningStatus: caseOf(STATUSES, document.provisioningStatus),
    reprovisionPolicy: document.reprovisionPolicy ?? null,
    createdDateTimeUtc: document.createdDateTimeUtc ?? null,
    lastUpdatedDateTimeUtc: document.lastUpdatedDateTimeUtc ?? null,
    allocationPolicy: caseOf(POLICIES, document.allocationPolicy),
    iotHubs: document.iotHubs ?? [],
    customAllocationDefinition: document.customAllocationDefinition ?? null,
    credentialPolicyName: document.credentialPolicyName ?? null,
    document: JSON.stringify(document),
  };
}

function readIdentity(document, individual) {
  if (!individual) return { tag: "group", val: document.enrollmentGroupId };
  const val = {
    registrationId: document.registrationId,
    deviceId: document.deviceId ?? null,
    registrationState: textOf(document.registrationState),
    optionalDeviceInformation: textOf(document.optionalDeviceInformation),
  };
  return { tag: "individual", val };
}

function caseOf(known, name) {
  if (name === undefined || name === null) return null;
  return Object.hasOwn(known, name) ? { tag: known[name] } : { tag: "other", val: name };
}

function textOf(value) {
  return value === undefined || value === null ? null : JSON.stringify(value);
}
