"""A policy's deliberate "no". It is raised, so that it ends the decision from wherever the policy is."""

from __future__ import annotations

from .error import SdkError


class Refusal(Exception):
    """Why a device gets no hub, now or at all."""

    def __init__(self, message: str, *, is_reject: bool) -> None:
        super().__init__(message)
        self.message = message
        self.is_reject = is_reject
        self.wait: int | None = None

    @classmethod
    def reject(cls, message: str) -> Refusal:
        """The device is not welcome. Permanent for this attempt: DPS reports a failure to the device."""
        return cls(message, is_reject=True)

    @classmethod
    def retry_later(cls, message: str) -> Refusal:
        """Not now. DPS asks again, ten times over about seven minutes."""
        return cls(message, is_reject=False)

    def after_seconds(self, seconds: int) -> Refusal:
        """Sets how long DPS should wait before it asks again. A rejection stays as it is."""
        if not isinstance(seconds, int) or not 0 <= seconds <= 0xFFFFFFFF:
            raise ValueError(f"a wait is a whole number of seconds, not {seconds}")
        if not self.is_reject:
            self.wait = seconds
        return self

    @classmethod
    def of(cls, raised: BaseException) -> Refusal | None:
        """The refusal that something raised stands for; None if it is a fault."""
        if isinstance(raised, Refusal):
            return raised
        if not isinstance(raised, SdkError):
            return None
        return cls(str(raised), is_reject=raised.is_requests_fault)
