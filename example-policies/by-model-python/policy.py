"""Chooses hub, first twin and settings by the IoT Plug and Play model a device announces in its payload.

What each model gets is in the table `models`, so that a new model needs no new code.
"""

from berth_sdk import Decision, Refusal, Request, Twin, log, settings, tables


def allocate(request: Request) -> Decision:
    device = request.registration_id
    model_id = request.model_id()
    model = tables.lookup("models", model_id)
    if model is not None:
        hub = request.hubs().starting_with(model["hub"]).spread(device)
        twin = Twin().with_tags(model["tags"]).with_desired(model["desired"])
        return Decision.to(hub).twin(twin).payload(model["settings"]).because("model-known")
    if settings().get("unknownModel") != "spread":
        raise Refusal.reject(f"unknown model `{model_id}`")
    log.warn(f"{device} has the unknown model {model_id}")
    return Decision.to(request.hubs().spread(device)).because("model-unknown")


def validate_settings(settings: dict) -> None:
    for name, value in settings.items():
        if name != "unknownModel":
            raise ValueError(f"there is no setting {name}; there is unknownModel")
        if value not in ("reject", "spread"):
            raise ValueError(f'unknownModel is "reject" or "spread", not {value!r}')
