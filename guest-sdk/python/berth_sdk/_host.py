"""The one seam between the SDK and what Berth gives a policy: its settings, tables and log.

In a component Berth answers; in a unit test the Host that runs the policy does; without either, one that has nothing.
"""

from __future__ import annotations

from typing import Protocol


class LookupFailed(Exception):
    """Why a look-up could not be made: `no-such-table` or `too-many-lookups`."""


class HostProtocol(Protocol):
    def write(self, level: str, message: str) -> None: ...

    def settings(self) -> str: ...

    def lookup(self, table: str, key: str) -> str | None: ...


class _Nobody:
    def write(self, level: str, message: str) -> None:
        print(f"{level}: {message}")

    def settings(self) -> str:
        return "{}"

    def lookup(self, table: str, key: str) -> str | None:
        raise LookupFailed("no-such-table")


_current: HostProtocol = _Nobody()


def host() -> HostProtocol:
    return _current


def exchange(following: HostProtocol) -> HostProtocol:
    """Puts another host in place, and returns the one before it."""
    global _current
    before, _current = _current, following
    return before
