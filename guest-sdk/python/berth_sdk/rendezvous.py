"""Rendezvous hashing: every device ranks all hubs and takes the best.

The recipe is that of the Rust SDK (guest-sdk/src/rendezvous.rs), to the bit: a policy rewritten in another language
leaves every device where it is.
"""

from __future__ import annotations

import math
import struct
from typing import Callable, Iterable

from ._xxh64 import xxh64

_LN2 = 0.6931471805599453
_SQRT2 = 1.4142135623730951
_FRACTION = (1 << 52) - 1
_EXPONENT_OF_ONE = 1023
# Of the terms of the logarithm's series, the last one first.
_TERMS = tuple(1.0 / (2 * k + 1) for k in range(11, -1, -1))
_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


def lower_ascii(text: str) -> str:
    return text.lower() if text.isascii() else text.translate(_LOWER)


def _counts(weight: float) -> bool:
    return math.isfinite(weight) and weight > 0


def hub_score(key: str, hub: str, weight: float) -> float:
    """How much a key prefers a hub: the hub with the highest score wins. The same in every SDK, to the bit."""
    if not _counts(weight):
        return -math.inf
    digest = xxh64(lower_ascii(key).encode() + b"\0" + lower_ascii(hub).encode())
    return weight / -_ln(_unit(digest))


def best(key: str, hubs: Iterable[str], weight: Callable[[str], float]) -> str | None:
    """Of equal scores, the hub whose lower-case name comes first. None if no hub has a weight above zero."""
    # Also where nothing is compared: a key that is none is a mistake whether or not there is a second hub.
    lower_ascii(key).encode()
    weighed = [(hub, weight(hub)) for hub in hubs]
    left = [(hub, share) for hub, share in weighed if _counts(share)]
    if len(left) < 2:
        return left[0][0] if left else None
    scored = [(-hub_score(key, hub, share), lower_ascii(hub), hub) for hub, share in left]
    return min(scored, key=lambda each: each[:2])[2]


def _unit(digest: int) -> float:
    """The upper 52 bits of a hash as a number between 0 and 1, neither of which it can be."""
    return ((digest >> 12) + 0.5) / 2.0**52


def _ln(x: float) -> float:
    """The natural logarithm as the recipe has it: a library's may differ from machine to machine in the last bit."""
    (bits,) = struct.unpack("<Q", struct.pack("<d", x))
    exponent = (bits >> 52) - _EXPONENT_OF_ONE
    (mantissa,) = struct.unpack("<d", struct.pack("<Q", (bits & _FRACTION) | (_EXPONENT_OF_ONE << 52)))
    if mantissa > _SQRT2:
        mantissa /= 2.0
        exponent += 1
    s = (mantissa - 1.0) / (mantissa + 1.0)
    square = s * s
    series = 0.0
    for term in _TERMS:
        series = series * square + term
    return exponent * _LN2 + 2.0 * s * series
