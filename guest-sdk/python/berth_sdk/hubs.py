"""Choosing among the linked hubs. Every choice ends in a host name, spelled as DPS spells it."""

from __future__ import annotations

from typing import Callable, Iterator, NoReturn, Sequence

from .error import SdkError
from .rendezvous import best, lower_ascii


def _comparable(host_name: str, wanted: str) -> str:
    """The part of a host name to hold against `wanted`: all of it if `wanted` has a dot, else its first label."""
    return host_name if "." in wanted else host_name.split(".", 1)[0]


def hub_matches(host_name: str, wanted: str) -> bool:
    """Whether a host name is the hub meant: by its whole host name, or by its first label. Without regard to case."""
    return lower_ascii(_comparable(host_name, wanted)) == lower_ascii(wanted)


class Hubs:
    """Linked hubs, as many of them as passed the conditions so far.

    Conditions look at the first label of a host name, or at all of it if what they look for has a dot. None of them
    regards case. A choice among nothing raises an SdkError that rejects the device.
    """

    def __init__(
        self, linked: Sequence[str], left: Sequence[str] | None = None, conditions: tuple[str, ...] = ()
    ) -> None:
        self._linked = linked
        self._left = list(linked if left is None else left)
        self._conditions = conditions

    def starting_with(self, prefix: str) -> Hubs:
        """Those whose name starts with a prefix."""
        return self._narrow("starts with", prefix, str.startswith)

    def ending_with(self, suffix: str) -> Hubs:
        """Those whose name ends with a suffix."""
        return self._narrow("ends with", suffix, str.endswith)

    def containing(self, word: str) -> Hubs:
        """Those whose name contains a word."""
        return self._narrow("contains", word, str.__contains__)

    def named(self, name: str) -> str:
        """The hub of this name: a whole host name, or just its first label."""
        for host_name in self._left:
            if hub_matches(host_name, name):
                return host_name
        self._nothing_left(f"named `{name}`")

    def first(self) -> str:
        """The first hub left, in DPS's order."""
        return self._left[0] if self._left else self._nothing_left("")

    def spread(self, key: str) -> str:
        """The hub that a key prefers, by rendezvous hash: always the same one while it is there, evenly spread over keys."""
        return best(key, self._left, lambda _: 1.0) or self._nothing_left("")

    def spread_weighted(self, key: str, weight: Callable[[str], float]) -> str:
        """The hub that a key prefers, each getting a share in proportion to its weight; none without one above zero."""
        return best(key, self._left, weight) or self._nothing_left("with a weight above zero")

    def __iter__(self) -> Iterator[str]:
        return iter(self._left)

    def __len__(self) -> int:
        return len(self._left)

    def _narrow(self, verb: str, wanted: str, test: Callable[[str, str], bool]) -> Hubs:
        lower = lower_ascii(wanted)
        left = [name for name in self._left if test(lower_ascii(_comparable(name, wanted)), lower)]
        return Hubs(self._linked, left, (*self._conditions, f"{verb} `{wanted}`"))

    def _nothing_left(self, wish: str) -> NoReturn:
        wanted = "hub"
        if self._conditions:
            wanted += f" whose name {' and '.join(self._conditions)}"
        if wish:
            wanted += f" {wish}"
        raise SdkError("no-hub", f"no linked {wanted}; linked: {', '.join(self._linked)}")
