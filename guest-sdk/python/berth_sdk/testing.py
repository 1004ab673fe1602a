"""Unit tests for policies, without WebAssembly: requests, and a Host that plays the part of Berth.

Not for checks: those are files beside the policy, which Berth runs against the component itself.
"""

from __future__ import annotations

import json
from typing import Any, Callable, Iterable, Mapping, TypeVar, Union

from . import contract
from ._host import LookupFailed, exchange
from ._testing_body import read_body
from .request import Request

_R = TypeVar("_R")


def request(registration_id: str) -> RequestBuilder:
    """Starts a request: unless told otherwise a first registration through the group `devices`, with a symmetric key and
    no payload, and two linked hubs."""
    return RequestBuilder(registration_id)


def request_from_dps(body: Union[str, Mapping[str, Any]]) -> Request:
    """Reads the body of a webhook call that DPS has made: a captured one, or the `request` of a check."""
    return Request(read_body(json.loads(body) if isinstance(body, str) else body))


class RequestBuilder:
    """A request in the making."""

    def __init__(self, registration_id: str) -> None:
        self._registration_id = registration_id
        self._group: str | None = "devices"
        self._hubs = ["hub-a.azure-devices.net", "hub-b.azure-devices.net"]
        self._current_hub: str | None = None
        self._pinned = False
        self._payload: str | None = None
        self._proof: tuple[str, dict[str, Any]] = ("symmetricKey", {})
        self._facts: contract.CertificateFacts | None = None

    def group(self, group_id: str) -> RequestBuilder:
        """Lets the device come through this enrollment group."""
        self._group = group_id
        return self

    def individual(self) -> RequestBuilder:
        """Lets the device come through an enrollment of its own."""
        self._group = None
        return self

    def hubs(self, host_names: Iterable[str]) -> RequestBuilder:
        """Links these hubs and no others."""
        self._hubs = list(host_names)
        return self

    def currently_at(self, host_name: str) -> RequestBuilder:
        """Lets the device have a hub already, from which it may move."""
        self._current_hub, self._pinned = host_name, False
        return self

    def pinned_at(self, host_name: str) -> RequestBuilder:
        """Lets the device have a hub already, on which it has to stay."""
        self._current_hub, self._pinned = host_name, True
        return self

    def payload(self, value: Any) -> RequestBuilder:
        """Lets the device send this payload. A string stands for a device that sends JSON text in a string."""
        return self.payload_text(json.dumps(value))

    def payload_text(self, text: str) -> RequestBuilder:
        """Lets the device send a payload of exactly this text."""
        self._payload = text
        return self

    def x509(self, facts: contract.CertificateFacts | None) -> RequestBuilder:
        """Lets the device show a certificate with these facts. None stands for one that cannot be parsed."""
        self._proof, self._facts = ("x509", {"clientCertificate": "MIIB"}), facts
        return self

    def tpm(self, endorsement_key: str) -> RequestBuilder:
        """Lets the device show a TPM with this endorsement key, base64."""
        self._proof = ("tpm", {"endorsementKey": endorsement_key})
        return self

    def build(self) -> Request:
        """Makes the request."""
        record = read_body(self._body())
        if record.payload is not None:
            record.payload = self._payload
        if isinstance(record.attestation, contract.AttestationX509):
            record.attestation.value.facts = self._facts
        return Request(record)

    def _body(self) -> dict[str, Any]:
        kind, proof = self._proof
        context: dict[str, Any] = {"registrationId": self._registration_id, kind: proof}
        if self._current_hub is not None:
            context["currentIotHubHostName"] = self._current_hub
            context["currentDeviceId"] = self._registration_id
        if self._payload is not None:
            context["payload"] = json.loads(self._payload)
        enrollment = {
            "attestation": {"type": kind},
            "provisioningStatus": "enabled",
            "reprovisionPolicy": {"updateHubAssignment": not self._pinned, "migrateDeviceData": True},
            "allocationPolicy": "custom",
        }
        if self._group is None:
            whole = {"individualEnrollment": {"registrationId": self._registration_id, **enrollment}}
        else:
            whole = {"enrollmentGroup": {"enrollmentGroupId": self._group, **enrollment}}
        return {**whole, "deviceRuntimeContext": context, "linkedHubs": self._hubs}


class Host:
    """Plays the part of Berth for a policy under test. Hosts nest, and leave nothing behind."""

    def __init__(self) -> None:
        self._settings = "{}"
        self._tables: dict[str, dict[str, str]] = {}
        self._max_lookups: int | None = None
        self._lookups = 0
        # What the policy has logged so far, in order, over all runs: pairs of level and message.
        self.log: list[tuple[str, str]] = []

    def with_settings(self, settings: Mapping[str, Any]) -> Host:
        """Gives the policy these settings."""
        self._settings = json.dumps(settings)
        return self

    def with_table(self, name: str, rows: Mapping[str, Any]) -> Host:
        """Gives the policy a table with these rows, by key. A row of a CSV file would be a dictionary of strings."""
        self._tables[name] = {key: json.dumps(row) for key, row in rows.items()}
        return self

    def with_max_lookups(self, most: int) -> Host:
        """Limits the look-ups of one `run`. Without this there is no limit."""
        self._max_lookups = most
        return self

    def run(self, policy: Callable[[], _R]) -> _R:
        """Runs a function, usually a policy's, with this host around it."""
        self._lookups = 0
        before = exchange(self)
        try:
            return policy()
        finally:
            exchange(before)

    def write(self, level: str, message: str) -> None:
        """What the policy's log comes to."""
        self.log.append((level, message))

    def settings(self) -> str:
        """What the policy's settings come from."""
        return self._settings

    def lookup(self, table: str, key: str) -> str | None:
        """What the policy's look-ups come to."""
        if self._max_lookups is not None and self._lookups >= self._max_lookups:
            raise LookupFailed("too-many-lookups")
        self._lookups += 1
        if table not in self._tables:
            raise LookupFailed("no-such-table")
        return self._tables[table].get(key)
