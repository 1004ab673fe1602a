"""Which hub a device joins."""

from berth_sdk import Decision, Request, Twin


def allocate(request: Request) -> Decision:
    model = request.model_id()
    hub = request.keep_current_hub() or request.hubs().spread(request.registration_id)
    return (
        Decision.to(hub)
        .twin(Twin().tag("model", model))
        .payload({"reportEverySeconds": 60})
        .because("model-known")
    )
