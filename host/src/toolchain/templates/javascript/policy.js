// Which hub a device joins.

import { Decision, Twin } from "berth-sdk";

/** @type {import("berth-sdk").Allocate} */
export function allocate(request) {
  const model = request.modelId();
  const hub = request.keepCurrentHub() ?? request.hubs().spread(request.registrationId);
  return Decision.to(hub)
    .twin(new Twin().tag("model", model))
    .payload({ reportEverySeconds: 60 })
    .because("model-known");
}
