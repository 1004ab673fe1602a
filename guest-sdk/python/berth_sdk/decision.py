"""Where a device goes, with what first twin, and what it hears. Not for choosing the hub: that is Hubs."""

from __future__ import annotations

from typing import Any, Mapping


class Decision:
    """A policy's answer for one device."""

    def __init__(self, hub: str) -> None:
        if not isinstance(hub, str):
            raise TypeError(f"a hub is the text of a host name, not {type(hub).__name__}")
        self.hub = hub
        self.initial_twin: Twin | None = None
        self.reply: dict[str, Any] | None = None
        self.reasons: list[str] = []

    @classmethod
    def to(cls, hub: str) -> Decision:
        """Sends the device to this hub: one of the request's linked hubs, in any case."""
        return cls(hub)

    def twin(self, twin: Twin) -> Decision:
        """Gives the device this first twin in place of the enrollment's.

        DPS uses it on a first assignment, and on a move under a reprovision policy that resets the device's data.
        """
        if not isinstance(twin, Twin):
            raise TypeError(f"a decision's twin is a Twin, not {type(twin).__name__}")
        self.initial_twin = twin
        return self

    def payload(self, members: Mapping[str, Any]) -> Decision:
        """Lets the device hear this. DPS hands it over in every case. Nothing but a JSON object reaches a device."""
        if not isinstance(members, Mapping):
            raise TypeError(f"the payload of a decision must be a JSON object, not {type(members).__name__}")
        self.reply = dict(members)
        return self

    def because(self, reason: str) -> Decision:
        """Notes why, in one short machine-readable word such as `model-known`. For Berth's log, never for the device."""
        self.reasons.append(str(reason))
        return self


class Twin:
    """A device's first twin: its tags and its desired properties."""

    def __init__(self) -> None:
        self.tags: dict[str, Any] = {}
        self.desired_properties: dict[str, Any] = {}

    def tag(self, name: str, value: Any) -> Twin:
        """Sets one tag. A device never sees its tags."""
        self.tags[name] = value
        return self

    def desired(self, name: str, value: Any) -> Twin:
        """Sets one desired property."""
        self.desired_properties[name] = value
        return self

    def with_tags(self, members: Mapping[str, Any]) -> Twin:
        """Sets every member as a tag, over tags of the same names."""
        self.tags.update(members)
        return self

    def with_desired(self, members: Mapping[str, Any]) -> Twin:
        """Sets every member as a desired property, over properties of the same names."""
        self.desired_properties.update(members)
        return self
