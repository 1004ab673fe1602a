import assert from "node:assert/strict";
import { test } from "node:test";

import { request } from "berth-sdk/testing";
import { allocate } from "../policy.ts";

test("a device keeps its hub", () => {
  const thermostat = request("sensor-7")
    .payload({ modelId: "dtmi:com:example:Thermostat;1" })
    .currentlyAt("hub-b.azure-devices.net")
    .build();
  assert.equal(allocate(thermostat).hub, "hub-b.azure-devices.net");
});

test("a device without a model is rejected", () => {
  assert.throws(() => allocate(request("sensor-7").payload({}).build()), { message: "the payload has no `modelId`" });
});
