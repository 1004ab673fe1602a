"""What surrounds the call of a policy's functions. Not for authors, and the same in a component and outside of it."""

from __future__ import annotations

import json
import os
from types import ModuleType
from typing import Optional

from . import contract, log
from ._json import write
from .decision import Decision
from .refusal import Refusal
from .request import Request
from .settings import parse


# Where Python's own modules lie, whose places say nothing of a policy.
LIBRARY = os.path.dirname(os.path.dirname(json.__file__))


# Tags, desired properties and payload of a decision, as text.
Texts = tuple[Optional[str], Optional[str], Optional[str]]


def allocate(policy: ModuleType, record: contract.Request) -> tuple[Decision, Texts]:
    """Calls the policy's `allocate`. Raises a Refusal, or what the policy raised if that is a fault, once it is logged."""
    try:
        decision = policy.allocate(Request(record))
        if not isinstance(decision, Decision):
            raise TypeError(f"allocate returned {type(decision).__name__}, not a Decision")
        # Written here, so that what has no place in JSON or in UTF-8 is a fault like any other.
        texts = decision_texts(decision)
        for text in (decision.hub, *decision.reasons, *texts):
            (text or "").encode()
        return decision, texts
    except BaseException as raised:
        refusal = Refusal.of(raised)
        if refusal is not None:
            raise refusal from None
        log.error(fault_line(raised))
        raise


def validate_settings(policy: ModuleType, text: str) -> Optional[str]:
    """Says what is wrong with settings; None if nothing is, or the policy has no validator."""
    validate = getattr(policy, "validate_settings", None)
    if validate is None:
        return None
    try:
        validate(parse(text))
    except Exception as raised:
        return str(raised) or type(raised).__name__
    return None


def decision_texts(decision: Decision) -> Texts:
    """What has no members is left out, as DPS leaves it out."""
    twin = decision.initial_twin
    tags = write(twin.tags) if twin and twin.tags else None
    desired = write(twin.desired_properties) if twin and twin.desired_properties else None
    return tags, desired, None if decision.reply is None else write(decision.reply)


def fault_line(raised: BaseException) -> str:
    """One line of the log about a fault, since the trap that follows tells nothing.

    Berth knows it by its first word, and keeps it however full the log is.
    """
    what = f"{type(raised).__name__}: {raised}"
    place = ""
    # By hand: the module traceback would look for the source, and there are no files.
    step = raised.__traceback__
    while step is not None:
        code = step.tb_frame.f_code
        if "berth_sdk" not in code.co_filename and not code.co_filename.startswith((LIBRARY, "<frozen")):
            place = f" at {code.co_filename.rsplit('/', 1)[-1]}:{step.tb_lineno} in {code.co_name}"
        step = step.tb_next
    return f"panicked{place}: {what}"
