"""A request as DPS sends it, made the contract's record.

Not the server's reading of it, which is stricter about sizes and also parses certificates.
"""

from __future__ import annotations

import json
from typing import Any, Mapping

from . import contract as c

_KINDS = {
    "symmetricKey": c.AttestationKindSymmetricKey,
    "x509": c.AttestationKindX509,
    "tpm": c.AttestationKindTpm,
    "none": c.AttestationKindNone,
}
_STATUSES = {"enabled": c.ProvisioningStatusEnabled, "disabled": c.ProvisioningStatusDisabled}
_POLICIES = {
    "hashed": c.AllocationPolicyHashed,
    "geoLatency": c.AllocationPolicyGeoLatency,
    "static": c.AllocationPolicyStatic,
    "custom": c.AllocationPolicyCustom,
}


def read_body(body: Mapping[str, Any]) -> c.Request:
    if not body.get("linkedHubs"):
        raise ValueError("DPS could not send this request: linkedHubs is empty")
    individual, group = body.get("individualEnrollment"), body.get("enrollmentGroup")
    if (individual is None) == (group is None):
        raise ValueError("DPS could not send this request: it wants one of individualEnrollment and enrollmentGroup")
    context = body["deviceRuntimeContext"]
    enrollment = _enrollment(individual, True) if individual is not None else _enrollment(group, False)
    return c.Request(
        registration_id=context["registrationId"],
        assignment=_assignment(context, enrollment.reprovision_policy),
        attestation=_attestation(context),
        payload=_text(context.get("payload")),
        enrollment=enrollment,
        linked_hubs=body["linkedHubs"],
        runtime_context=json.dumps(context),
    )


def _assignment(context: Mapping[str, Any], policy: c.ReprovisionPolicy | None) -> c.Assignment:
    hub = context.get("currentIotHubHostName", context.get("currentIoTHubHostname"))
    if hub is None:
        return c.AssignmentFirst()
    current = c.CurrentAssignment(hub, context.get("currentDeviceId"))
    stays = policy is not None and not policy.update_hub_assignment
    return c.AssignmentPinned(current) if stays else c.AssignmentMayMove(current)


def _attestation(context: Mapping[str, Any]) -> c.Attestation:
    proofs = [name for name in ("symmetricKey", "x509", "tpm") if context.get(name) is not None]
    if len(proofs) != 1:
        raise ValueError("DPS could not send this request: it wants one of symmetricKey, x509 and tpm")
    proof = context[proofs[0]]
    if proofs == ["x509"]:
        return c.AttestationX509(c.X509Attestation(proof.get("clientCertificate"), None))
    if proofs == ["tpm"]:
        return c.AttestationTpm(c.TpmAttestation(proof.get("endorsementKey"), proof.get("storageRootKey")))
    return c.AttestationSymmetricKey()


def _enrollment(document: Mapping[str, Any], individual: bool) -> c.Enrollment:
    twin = document.get("initialTwin")
    policy = document.get("reprovisionPolicy")
    webhook = document.get("customAllocationDefinition")
    desired = (twin or {}).get("properties", {}).get("desired")
    return c.Enrollment(
        identity=_identity(document, individual),
        attestation_kind=_case(_KINDS, c.AttestationKindOther, document["attestation"]["type"]),
        iot_edge=document.get("capabilities", {}).get("iotEdge"),
        iot_hub_host_name=document.get("iotHubHostName"),
        initial_twin=twin and c.InitialTwin(_text(twin.get("tags")), _text(desired)),
        etag=document.get("etag"),
        provisioning_status=_case(_STATUSES, c.ProvisioningStatusOther, document.get("provisioningStatus")),
        reprovision_policy=policy and c.ReprovisionPolicy(policy["updateHubAssignment"], policy["migrateDeviceData"]),
        created_date_time_utc=document.get("createdDateTimeUtc"),
        last_updated_date_time_utc=document.get("lastUpdatedDateTimeUtc"),
        allocation_policy=_case(_POLICIES, c.AllocationPolicyOther, document.get("allocationPolicy")),
        iot_hubs=document.get("iotHubs") or [],
        custom_allocation_definition=webhook
        and c.CustomAllocationDefinition(webhook["webhookUrl"], webhook["apiVersion"]),
        credential_policy_name=document.get("credentialPolicyName"),
        document=json.dumps(document),
    )


def _identity(document: Mapping[str, Any], individual: bool) -> c.EnrollmentIdentity:
    if not individual:
        return c.EnrollmentIdentityGroup(document["enrollmentGroupId"])
    return c.EnrollmentIdentityIndividual(
        c.IndividualEnrollment(
            registration_id=document["registrationId"],
            device_id=document.get("deviceId"),
            registration_state=_text(document.get("registrationState")),
            optional_device_information=_text(document.get("optionalDeviceInformation")),
        )
    )


def _case(known: Mapping[str, Any], other: Any, name: str | None) -> Any:
    if name is None:
        return None
    return known[name]() if name in known else other(name)


def _text(value: Any) -> str | None:
    return None if value is None else json.dumps(value)
