"""JSON as every SDK of Berth writes it: no spaces, members in the order of their names, no escapes that need not be, and
the shortest numbers that stand for the same ones.
"""

import json
import math
from json.encoder import encode_basestring
from typing import Any

# Made once: `json.dumps` makes one at each call that asks for anything of its own.
_encode = json.JSONEncoder(ensure_ascii=False).encode


def write(value: Any) -> str:
    if isinstance(value, dict):
        if not all(isinstance(name, str) for name in value):
            raise TypeError("the names of a JSON object's members are strings")
        return "{" + ",".join(f"{_scalar(name)}:{write(value[name])}" for name in sorted(value)) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(write, value)) + "]"
    return _float(value) if isinstance(value, float) else _scalar(value)


def _scalar(value: Any) -> str:
    return encode_basestring(value) if isinstance(value, str) else _encode(value)


def _float(value: float) -> str:
    if not math.isfinite(value):
        raise ValueError(f"{value} has no place in JSON")
    if 1e-5 <= abs(value) < 1e-4:
        digits, exponent = repr(value).split("e-")
        return f"{value:.{len(digits.lstrip('-').replace('.', '')) - 1 + int(exponent)}f}"
    return repr(value).replace("e+", "e").replace("e-0", "e-")


def describe(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, (int, float)):
        return "a number"
    if isinstance(value, str):
        return "a string"
    return "an array" if isinstance(value, list) else "an object"
