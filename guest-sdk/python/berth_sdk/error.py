"""What the SDK's own helpers complain about. Not for a policy's deliberate "no": that is a Refusal."""


class SdkError(Exception):
    """Why a helper has no answer.

    `kind` is one of `no-payload`, `payload-not-json`, `missing-field`, `wrong-type`, `no-hub`, `settings` and `table`.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind

    @property
    def is_requests_fault(self) -> bool:
        """Whether the request is to blame, rather than the policy's settings or tables."""
        return self.kind not in ("settings", "table")
