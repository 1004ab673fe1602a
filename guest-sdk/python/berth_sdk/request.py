"""One device asks for a hub. Not for making requests up in tests: that is testing."""

from __future__ import annotations

from . import contract
from .hubs import Hubs, hub_matches
from .payload import Payload


class Request:
    """DPS's allocation request for one device. `contract` is the record behind it, for what has no helper."""

    def __init__(self, record: contract.Request) -> None:
        self.contract = record
        self._payload = Payload(record.payload)

    @property
    def registration_id(self) -> str:
        """The device's registration id, as the device gave it. DPS compares these without regard to case."""
        return self.contract.registration_id

    @property
    def assignment(self) -> contract.Assignment:
        """Whether the device is new, may move, or has to stay."""
        return self.contract.assignment

    @property
    def is_first(self) -> bool:
        """Whether the device has no hub yet."""
        return isinstance(self.assignment, contract.AssignmentFirst)

    @property
    def is_pinned(self) -> bool:
        """Whether the device stays on its hub whatever is decided. The decision's payload still reaches it."""
        return isinstance(self.assignment, contract.AssignmentPinned)

    @property
    def current(self) -> contract.CurrentAssignment | None:
        """Where the device is now."""
        return None if isinstance(self.assignment, contract.AssignmentFirst) else self.assignment.value

    @property
    def current_hub(self) -> str | None:
        """The host name of the device's hub. It need not be linked any more."""
        return self.current.hub if self.current else None

    def keep_current_hub(self) -> str | None:
        """The device's hub while it is still linked, as DPS spells it among the linked hubs."""
        current = self.current_hub
        if current is None:
            return None
        return next((hub for hub in self.linked_hubs if hub_matches(hub, current)), None)

    @property
    def attestation(self) -> contract.Attestation:
        """How the device proved who it is."""
        return self.contract.attestation

    @property
    def certificate(self) -> contract.CertificateFacts | None:
        """What the device's X.509 certificate says, if it showed one that can be parsed."""
        return self.attestation.value.facts if isinstance(self.attestation, contract.AttestationX509) else None

    @property
    def enrollment(self) -> contract.Enrollment:
        """The enrollment through which the device came."""
        return self.contract.enrollment

    @property
    def group(self) -> str | None:
        """The id of the enrollment group. None if the device has an enrollment of its own."""
        identity = self.enrollment.identity
        return identity.value if isinstance(identity, contract.EnrollmentIdentityGroup) else None

    @property
    def individual(self) -> contract.IndividualEnrollment | None:
        """The device's own enrollment. None if it came through a group."""
        identity = self.enrollment.identity
        return identity.value if isinstance(identity, contract.EnrollmentIdentityIndividual) else None

    @property
    def linked_hubs(self) -> list[str]:
        """Host names of the linked hubs, in DPS's order and spelling. Never empty."""
        return self.contract.linked_hubs

    def hubs(self) -> Hubs:
        """The linked hubs, to choose from."""
        return Hubs(self.linked_hubs)

    @property
    def payload(self) -> Payload:
        """What the device sent along."""
        return self._payload

    def model_id(self) -> str:
        """The IoT Plug and Play model the device announces: `modelId`, or IoT Central's older `iotcModelId`."""
        older = self.payload.find("modelId") is None and self.payload.find("iotcModelId") is not None
        return self.payload.string("iotcModelId" if older else "modelId")

    @property
    def runtime_context(self) -> str:
        """The whole `deviceRuntimeContext` as JSON text, with members the contract does not name."""
        return self.contract.runtime_context
