"""What the device sent along with its registration. Not for what it hears back: that is Decision.payload."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from ._json import describe
from .error import SdkError

# Members that are named where another one is missing.
_MOST_NAMES = 10


class Payload:
    """A device's payload.

    Some clients send a *string that holds* JSON: `as_sent` gives the string, everything else looks into it.

    A path is dotted: `firmware.version`, `sensors.0`; the empty path is the payload itself. A `null` counts as missing.
    What is missing or of another type raises an SdkError that rejects the device, naming the path.
    """

    def __init__(self, text: str | None) -> None:
        self._text = text
        self._parsed: tuple[Any, Any] | None = None

    @property
    def text(self) -> str | None:
        """The JSON text, exactly as DPS sent it. None if the device sent nothing or `null`."""
        return self._text

    def as_sent(self) -> Any:
        """The payload as the device sent it."""
        return self._parse()[0]

    def value(self) -> Any:
        """The payload, opened if it is a string that holds a JSON object or array."""
        return self._parse()[1]

    def find(self, path: str) -> Any:
        """What is at a path. None if there is nothing, `null`, or no payload that could have it."""
        try:
            return _walk(self.value(), path)
        except SdkError:
            return None

    def string(self, path: str) -> str:
        """The string at a path."""
        value = self.get(path)
        return value if isinstance(value, str) else _wrong_type(path, value, "a string")

    def integer(self, path: str) -> int:
        """The whole number at a path."""
        value = self.get(path)
        fits = isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63
        return value if fits else _wrong_type(path, value, "a whole number of 64 bits")

    def number(self, path: str) -> float:
        """The number at a path."""
        value = self.get(path)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            _wrong_type(path, value, "a number")
        return float(value)

    def boolean(self, path: str) -> bool:
        """The boolean at a path."""
        value = self.get(path)
        return value if isinstance(value, bool) else _wrong_type(path, value, "a boolean")

    def get(self, path: str) -> Any:
        """What is at a path, of whatever type."""
        root = self.value()
        if path and not isinstance(root, (dict, list)):
            _wrong_type("", root, "an object")
        found = self.find(path)
        if found is None:
            raise SdkError("missing-field", f"the payload has no `{path}`{self._instead_of(path)}")
        return found

    def _instead_of(self, path: str) -> str:
        """What there is where a path leads to nothing: a misspelt member is found by those that are there."""
        what, found = "it", self.value()
        for end in (at for at, letter in enumerate(path) if letter == "."):
            above = self.find(path[:end])
            if above is None:
                break
            what, found = f"`{path[:end]}`", above
        if isinstance(found, list):
            return f"; {what} is an array of {len(found)}"
        if not isinstance(found, dict):
            return f"; {what} is {describe(found)}"
        names = sorted(name for name, value in found.items() if value is not None)
        named = ", ".join(f"`{name}`" for name in names[:_MOST_NAMES])
        return f"; {what} has {named}{', …' if len(names) > _MOST_NAMES else ''}" if names else ""

    def _parse(self) -> tuple[Any, Any]:
        """Both views, parsed when they are first looked at."""
        if self._parsed is None:
            if self._text is None:
                raise SdkError("no-payload", "the device sent no payload")
            try:
                as_sent = json.loads(self._text)
            except ValueError as error:
                raise SdkError("payload-not-json", f"the payload is not JSON: {error}") from None
            self._parsed = (as_sent, _opened(as_sent))
        if self._parsed[0] is None:
            raise SdkError("no-payload", "the device sent no payload")
        return self._parsed


def _opened(as_sent: Any) -> Any:
    """Only objects and arrays are opened: a device that sends the string "12" means a string."""
    if not isinstance(as_sent, str) or not as_sent.lstrip().startswith(("{", "[")):
        return as_sent
    try:
        return json.loads(as_sent)
    except ValueError:
        return as_sent


def _walk(value: Any, path: str) -> Any:
    for segment in path.split(".") if path else ():
        if isinstance(value, list):
            index = int(segment) if segment.isdecimal() and segment.isascii() else len(value)
            value = value[index] if index < len(value) else None
        else:
            value = value.get(segment) if isinstance(value, dict) else None
    return value


def _wrong_type(path: str, found: Any, wanted: str) -> NoReturn:
    what = f"`{path}` in the payload" if path else "the payload"
    raise SdkError("wrong-type", f"{what} is {describe(found)}, not {wanted}")
