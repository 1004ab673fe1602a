"""Allocation policies for Berth, in Python.

A policy is one function: it gets the Request of one device, and returns a Decision or raises a Refusal::

    from berth_sdk import Decision, Request, Twin

    def allocate(request: Request) -> Decision:
        model = request.payload.string("modelId")
        hub = request.keep_current_hub() or request.hubs().spread(request.registration_id)
        return Decision.to(hub).twin(Twin().tag("model", model)).because("model-known")

Besides the request it can reach its settings, its tables and its log. There is no clock, no randomness, no file and no
network, so the same request always gets the same decision. All imports belong at the top of a module: once the
component is made there are no files to import from.

What a helper raises becomes a refusal: what is wrong with the request rejects the device, what is wrong with the
policy's settings or tables asks DPS to come again. Any other exception is a fault of the policy; its message and place
are written to the policy's log.
"""

from . import contract, log, tables
from .decision import Decision, Twin
from .error import SdkError
from .hubs import Hubs, hub_matches
from .payload import Payload
from .refusal import Refusal
from .rendezvous import hub_score
from .request import Request
from .settings import settings

__all__ = [
    "Decision", "Hubs", "Payload", "Refusal", "Request", "SdkError", "Twin",
    "contract", "hub_matches", "hub_score", "log", "settings", "tables",
]
