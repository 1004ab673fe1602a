// Chooses hub, first twin and settings by the IoT Plug and Play model a device announces in its payload.
//
// What each model gets is in the table `models`, so that a new model needs no new code.

import { Decision, Refusal, Twin, log, settings, tables, type JsonObject, type Request } from "berth-sdk";

/** What a model gets. */
interface Model {
  /** Beginning of its hubs' names. */
  hub: string;
  tags: JsonObject;
  desired: JsonObject;
  settings: JsonObject;
}

interface Settings {
  unknownModel?: "reject" | "spread";
}

export function allocate(request: Request): Decision {
  const id = request.registrationId;
  const modelId = request.modelId();
  const model = tables.lookup<Model>("models", modelId);
  if (model !== undefined) {
    const hub = request.hubs().startingWith(model.hub).spread(id);
    const twin = new Twin().withTags(model.tags).withDesired(model.desired);
    return Decision.to(hub).twin(twin).payload(model.settings).because("model-known");
  }
  if (settings<Settings>().unknownModel !== "spread") throw Refusal.reject(`unknown model \`${modelId}\``);
  log.warn(`${id} has the unknown model ${modelId}`);
  return Decision.to(request.hubs().spread(id)).because("model-unknown");
}

export function validateSettings({ unknownModel = "reject", ...others }: Settings): void {
  if (!["reject", "spread"].includes(unknownModel)) {
    throw new Error(`unknownModel is "reject" or "spread", not ${JSON.stringify(unknownModel)}`);
  }
  for (const name of Object.keys(others)) throw new Error(`there is no setting ${name}; there is unknownModel`);
}
