"""The policy's configuration."""

import json
from typing import Any

from ._host import host
from .error import SdkError


def settings() -> Any:
    """The settings of the release that serves this request: a JSON object, empty if there are none."""
    return parse(host().settings())


def parse(text: str) -> Any:
    """Shared with the validator, so that both say the same about the same mistake."""
    try:
        return json.loads(text)
    except ValueError as error:
        raise SdkError("settings", f"the settings do not fit: {error}") from None
