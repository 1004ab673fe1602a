"""From the component's exports to the policy's functions. The module that `berth policy build` writes uses this; no
policy does, since what it imports is there in a component only.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from types import ModuleType
from typing import Any, Optional

import wit_world
from componentize_py_types import Err
from wit_world.imports import log, settings, tables, types

from . import _system, contract, entry
from ._host import LookupFailed
from .decision import Decision
from .refusal import Refusal

_LEVELS = {"debug": log.Level.DEBUG, "info": log.Level.INFO, "warn": log.Level.WARN, "error": log.Level.ERROR}


def _whole(text: str) -> str:
    """A text in which half a letter, which has no place in UTF-8, is a question mark."""
    return text.encode(errors="replace").decode()


class _Berth:
    def write(self, level: str, message: str) -> None:
        log.write(_LEVELS[level], _whole(message))

    def settings(self) -> str:
        return settings.get()

    def lookup(self, table: str, key: str) -> Optional[str]:
        try:
            return tables.lookup(_whole(table), _whole(key))
        except Err as error:
            missing = isinstance(error.value, tables.LookupError_NoSuchTable)
            raise LookupFailed("no-such-table" if missing else "too-many-lookups") from None


def _translated(value: Any) -> Any:
    """The SDK's own class for one of the bindings: of the same name without underscores, with the same fields."""
    if isinstance(value, list):
        return [_translated(element) for element in value]
    if not is_dataclass(value):
        return value
    own = getattr(contract, type(value).__name__.replace("_", ""))
    return own(*[_translated(getattr(value, field.name)) for field in fields(value)])


def _decision(decision: Decision) -> types.Decision:
    tags, desired, payload = entry.decision_texts(decision)
    twin = types.InitialTwin(tags, desired) if decision.initial_twin is not None else None
    return types.Decision(decision.hub, twin, payload, decision.reasons)


def _refusal(refusal: Refusal) -> types.Refusal:
    message = _whole(str(refusal.message))
    if refusal.is_reject:
        return types.Refusal_Reject(message)
    return types.Refusal_RetryLater(types.Retry(message, refusal.wait))


def world(policy: ModuleType) -> type:
    """The class whose methods are the component's exports."""
    if not callable(getattr(policy, "allocate", None)):
        raise TypeError("policy.py has no function `allocate`: write `def allocate(request: Request) -> Decision:`")
    _system.close(_Berth())

    class WitWorld(wit_world.WitWorld):
        def allocate(self, request: types.Request) -> types.Decision:
            _system.begin()
            try:
                return _decision(entry.allocate(policy, _translated(request)))
            except Refusal as refusal:
                raise Err(_refusal(refusal)) from None
            finally:
                _system.end()

        def validate_settings(self, settings: str) -> None:
            _system.begin()
            complaint = entry.validate_settings(policy, settings)
            _system.end()
            if complaint is not None:
                raise Err(_whole(complaint))

    return WitWorld
