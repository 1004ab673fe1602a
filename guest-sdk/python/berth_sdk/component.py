"""From the component's exports to the policy's functions. The module that `berth policy build` writes uses this; no
policy does, since what it imports is there in a component only.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from types import ModuleType
from typing import Any, Callable, Optional

import wit_world
from componentize_py_types import Err
from wit_world.imports import log, settings, tables, types

from . import _system, contract, entry
from ._host import LookupFailed, exchange
from .decision import Decision, Twin
from .refusal import Refusal
from .request import Request
from .tables import lookup

# Runs after which Python has made the code as fast as it can.
_ENOUGH = 200
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


def _maker(own: type, names: tuple[str, ...]) -> Callable[[Any], Any]:
    return lambda value: own(*[_translated(getattr(value, name)) for name in names])


def _elements(value: list[Any]) -> list[Any]:
    return [_translated(element) for element in value]


def _makers() -> dict[type, Callable[[Any], Any]]:
    """How each class of the bindings becomes the SDK's own: of the same name without underscores, with the same fields."""
    theirs = [value for value in vars(types).values() if isinstance(value, type) and is_dataclass(value)]
    owns = {their: getattr(contract, their.__name__.replace("_", ""), None) for their in theirs}
    makers = {their: _maker(own, tuple(field.name for field in fields(their))) for their, own in owns.items() if own}
    return {**makers, list: _elements}


# Looked up once, while the policy is built: to ask a class for its fields takes longer than to fill them.
_MAKERS = _makers()


def _translated(value: Any) -> Any:
    maker = _MAKERS.get(type(value))
    return value if maker is None else maker(value)


def _decision(decision: Decision, texts: entry.Texts) -> types.Decision:
    tags, desired, payload = texts
    twin = types.InitialTwin(tags, desired) if decision.initial_twin is not None else None
    return types.Decision(decision.hub, twin, payload, decision.reasons)


def _refusal(refusal: Refusal) -> types.Refusal:
    message = _whole(str(refusal.message))
    if refusal.is_reject:
        return types.Refusal_Reject(message)
    return types.Refusal_RetryLater(types.Retry(message, refusal.wait))


class _Practice:
    """A policy, and the host that it asks."""

    def write(self, level: str, message: str) -> None:
        pass

    def settings(self) -> str:
        return "{}"

    def lookup(self, table: str, key: str) -> Optional[str]:
        return '{"hub":"north","tags":{"model":"m"},"desired":{"interval":60}}'

    def allocate(self, request: Request) -> Decision:
        row = lookup("models", request.model_id())
        twin = Twin().with_tags(row["tags"]).with_desired(row["desired"])
        hub = request.hubs().starting_with(row["hub"]).spread(request.registration_id)
        return Decision.to(hub).twin(twin).payload({"interval": 60}).because("known")


def _practise() -> None:
    """Decides some times while the policy is built, since Python makes code that has run a few times faster, in place: each
    decision would do so again, and would have the pages of memory that it writes to for itself."""
    enrollment = types.Enrollment(
        types.EnrollmentIdentity_Group("devices"), types.AttestationKind_SymmetricKey(), *[None] * 9, [], None, None, "{}"
    )
    hubs = ["north-a.azure-devices.net", "north-b.azure-devices.net"]
    request = types.Request(
        "device", types.Assignment_First(), types.Attestation_SymmetricKey(), '{"modelId":"m"}', enrollment, hubs, "{}"
    )
    practice = _Practice()
    before = exchange(practice)
    for _ in range(_ENOUGH):
        _decision(*entry.allocate(practice, _translated(request)))
    exchange(before)


def world(policy: ModuleType) -> type:
    """The class whose methods are the component's exports."""
    if not callable(getattr(policy, "allocate", None)):
        raise TypeError("policy.py has no function `allocate`: write `def allocate(request: Request) -> Decision:`")
    _practise()
    _system.close(_Berth())

    class WitWorld(wit_world.WitWorld):
        def allocate(self, request: types.Request) -> types.Decision:
            _system.begin()
            try:
                return _decision(*entry.allocate(policy, _translated(request)))
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
