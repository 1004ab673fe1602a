"""The contract's types, as the WIT package `berth:allocation` words them.

A variant is a union of classes, one for each case; what a case carries is its `value`. An optional field is None if DPS
left it out. What is free-form is JSON text, exactly as DPS sent it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Union


@dataclass
class CurrentAssignment:
    """Where a device is now. The hub need not be among the linked hubs any more."""

    hub: str
    device_id: Optional[str]


@dataclass
class AssignmentFirst:
    """The device has no hub yet. An initial twin in the decision is used."""


@dataclass
class AssignmentMayMove:
    """The device has a hub and may be given another one."""

    value: CurrentAssignment


@dataclass
class AssignmentPinned:
    """The device has a hub and stays there, whatever is decided."""

    value: CurrentAssignment


Assignment = Union[AssignmentFirst, AssignmentMayMove, AssignmentPinned]


@dataclass
class AlternativeNameDns:
    value: str


@dataclass
class AlternativeNameUri:
    value: str


@dataclass
class AlternativeNameEmail:
    value: str


@dataclass
class AlternativeNameIp:
    value: str


AlternativeName = Union[AlternativeNameDns, AlternativeNameUri, AlternativeNameEmail, AlternativeNameIp]


@dataclass
class CertificateFacts:
    """What an X.509 certificate says. Names are in RFC 4514's form: `CN=dev1,O=Contoso`."""

    subject: str
    subject_common_name: Optional[str]
    issuer: str
    issuer_common_name: Optional[str]
    subject_alternative_names: list[AlternativeName]
    serial_number: str
    not_before: str
    not_after: str
    sha1_thumbprint: str
    sha256_thumbprint: str


@dataclass
class X509Attestation:
    """The certificate a device showed, base64 of its DER encoding, and what it says if it can be parsed."""

    client_certificate: Optional[str]
    facts: Optional[CertificateFacts]


@dataclass
class TpmAttestation:
    """The public keys of a device's TPM, base64."""

    endorsement_key: Optional[str]
    storage_root_key: Optional[str]


@dataclass
class AttestationSymmetricKey:
    pass


@dataclass
class AttestationX509:
    value: X509Attestation


@dataclass
class AttestationTpm:
    value: TpmAttestation


Attestation = Union[AttestationSymmetricKey, AttestationX509, AttestationTpm]


@dataclass
class IndividualEnrollment:
    """What only an individual enrollment has."""

    registration_id: str
    device_id: Optional[str]
    registration_state: Optional[str]
    optional_device_information: Optional[str]


@dataclass
class EnrollmentIdentityIndividual:
    value: IndividualEnrollment


@dataclass
class EnrollmentIdentityGroup:
    value: str


EnrollmentIdentity = Union[EnrollmentIdentityIndividual, EnrollmentIdentityGroup]


@dataclass
class AttestationKindSymmetricKey:
    pass


@dataclass
class AttestationKindX509:
    pass


@dataclass
class AttestationKindTpm:
    pass


@dataclass
class AttestationKindNone:
    pass


@dataclass
class AttestationKindOther:
    value: str


AttestationKind = Union[
    AttestationKindSymmetricKey, AttestationKindX509, AttestationKindTpm, AttestationKindNone, AttestationKindOther
]


@dataclass
class ProvisioningStatusEnabled:
    pass


@dataclass
class ProvisioningStatusDisabled:
    pass


@dataclass
class ProvisioningStatusOther:
    value: str


ProvisioningStatus = Union[ProvisioningStatusEnabled, ProvisioningStatusDisabled, ProvisioningStatusOther]


@dataclass
class ReprovisionPolicy:
    """What happens to a device that registers again."""

    update_hub_assignment: bool
    migrate_device_data: bool


@dataclass
class AllocationPolicyHashed:
    pass


@dataclass
class AllocationPolicyGeoLatency:
    pass


@dataclass
class AllocationPolicyStatic:
    pass


@dataclass
class AllocationPolicyCustom:
    pass


@dataclass
class AllocationPolicyOther:
    value: str


AllocationPolicy = Union[
    AllocationPolicyHashed, AllocationPolicyGeoLatency, AllocationPolicyStatic, AllocationPolicyCustom, AllocationPolicyOther
]


@dataclass
class CustomAllocationDefinition:
    """The webhook of an enrollment. DPS masks the query of its URL."""

    webhook_url: str
    api_version: str


@dataclass
class InitialTwin:
    """The first twin of a device at its hub, each part a JSON object as text."""

    tags: Optional[str]
    desired_properties: Optional[str]


@dataclass
class Enrollment:
    """The enrollment through which a device came. `document` is all of it, as JSON text."""

    identity: EnrollmentIdentity
    attestation_kind: AttestationKind
    iot_edge: Optional[bool]
    iot_hub_host_name: Optional[str]
    initial_twin: Optional[InitialTwin]
    etag: Optional[str]
    provisioning_status: Optional[ProvisioningStatus]
    reprovision_policy: Optional[ReprovisionPolicy]
    created_date_time_utc: Optional[str]
    last_updated_date_time_utc: Optional[str]
    allocation_policy: Optional[AllocationPolicy]
    iot_hubs: list[str]
    custom_allocation_definition: Optional[CustomAllocationDefinition]
    credential_policy_name: Optional[str]
    document: str


@dataclass
class Request:
    """One device asks for a hub."""

    registration_id: str
    assignment: Assignment
    attestation: Attestation
    payload: Optional[str]
    enrollment: Enrollment
    linked_hubs: list[str]
    runtime_context: str
