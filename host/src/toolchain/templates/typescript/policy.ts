// Which hub a device joins.

import { Decision, Twin, type Request } from "berth-sdk";

export function allocate(request: Request): Decision {
  const model = request.modelId();
  const hub = request.keepCurrentHub() ?? request.hubs().spread(request.registrationId);
  return Decision.to(hub)
    .twin(new Twin().tag("model", model))
    .payload({ reportEverySeconds: 60 })
    .because("model-known");
}
