import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import type { Json } from "berth-sdk";
import { Host, request } from "berth-sdk/testing";
import { allocate, validateSettings } from "../policy.ts";

const models = JSON.parse(readFileSync("tables/models.json", "utf8"));
const host = () => new Host().table("models", models);
const device = (payload: Json) =>
  request("sensor-7")
    .hubs(["contoso-climate-1.azure-devices.net", "contoso-other.azure-devices.net"])
    .payload(payload)
    .build();

test("a known model gets its hub, twin and settings", () => {
  const decision = host().run(() => allocate(device({ modelId: "dtmi:com:example:Thermostat;1" })));
  assert.equal(decision.hub, "contoso-climate-1.azure-devices.net");
  assert.deepEqual(decision.initialTwin?.tags, { deviceType: "thermostat" });
  assert.equal(decision.reply?.telemetryInterval, 60);
});

test("an unknown model is rejected unless the settings spread it", () => {
  const kettle = device({ modelId: "dtmi:com:example:Kettle;1" });
  assert.throws(() => host().run(() => allocate(kettle)), { message: "unknown model `dtmi:com:example:Kettle;1`" });
  const spreading = host().settings({ unknownModel: "spread" });
  assert.deepEqual(spreading.run(() => allocate(kettle)).reasons, ["model-unknown"]);
  assert.equal(spreading.log.length, 1);
});

test("settings are exact", () => {
  validateSettings({});
  validateSettings({ unknownModel: "spread" });
  assert.throws(() => validateSettings(JSON.parse('{"unknownModel": "ignore"}')));
  assert.throws(() => validateSettings(JSON.parse('{"unknown_model": "spread"}')));
});
