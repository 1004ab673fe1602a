// The SDK's own tests: run with `npm test`. The stability of the hash is held against the values of the Rust SDK.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Decision, Hubs, Refusal, SdkError, Twin, hubMatches, hubScore, log, settings, tables } from "berth-sdk";
import { Host, request, requestFromDps } from "berth-sdk/testing";
import { allocate, faultLine, validateSettings } from "berth-sdk/component";
import { write } from "../src/json.js";

const HUBS = ["north", "south", "east", "west"].map((name) => `${name}.azure-devices.net`);

function bits(number) {
  return new BigUint64Array(new Float64Array([number]).buffer)[0].toString(16);
}

test("scores and hubs are those of the Rust SDK, to the bit", () => {
  const scores = HUBS.map((hub) => bits(hubScore("breakroom499-contoso-tstrsd-007", hub, 1)));
  assert.deepEqual(scores, ["3febe58ef948846e", "400348bf4b29239f", "3fe227b12f99a9d0", "400aeb4e5f467d77"]);
  const found = Array.from({ length: 12 }, (_, n) => new Hubs(HUBS).spread(`device-${n}`).split(".")[0]);
  const wanted = "west east south west east north east north south west east west";
  assert.deepEqual(found, wanted.split(" "));
  assert.equal(hubScore("a", HUBS[0], 0), -Infinity);
});

test("conditions narrow, and say when nothing is left", () => {
  const hubs = new Hubs(["Toasters-EU.azure-devices.net", "heatpumps-eu.azure-devices.net"]);
  assert.equal(hubs.named("TOASTERS-eu"), "Toasters-EU.azure-devices.net");
  assert.deepEqual([...hubs.startingWith("heat").endingWith("-EU")], ["heatpumps-eu.azure-devices.net"]);
  assert.throws(() => hubs.startingWith("heat").endingWith("-us").first(), {
    name: "SdkError",
    message:
      "no linked hub whose name starts with `heat` and ends with `-us`; " +
      "linked: Toasters-EU.azure-devices.net, heatpumps-eu.azure-devices.net",
  });
  assert.throws(() => hubs.spreadWeighted("a", () => 0), /no linked hub with a weight above zero;/);
  assert.ok(hubMatches("North.azure-devices.net", "north") && !hubMatches("north.azure-devices.net", "nor"));
});

test("a payload is looked into, also in a string, and errors name the path", () => {
  const payload = (value) => request("a").payload(value).build().payload;
  assert.equal(payload('{"firmware": {"major": 12}}').integer("firmware.major"), 12);
  assert.equal(payload({ a: [{ b: true }] }).boolean("a.0.b"), true);
  assert.equal(payload({ a: null }).find("a"), undefined);
  assert.equal(payload("12").value(), "12");
  assert.throws(() => payload({ a: 1.5 }).integer("a"), {
    message: "`a` in the payload is a number, not a whole number of 64 bits",
  });
  assert.throws(() => payload({}).string("a.b"), { message: "the payload has no `a.b`" });
  const missing = (value) => {
    try {
      return payload(value).string("a.b");
    } catch (error) {
      return error.message.replace("the payload has no `a.b`", "");
    }
  };
  assert.equal(missing({ b: null }), "");
  assert.equal(missing({ b: 1, A: {} }), "; it has `A`, `b`");
  assert.equal(missing({ a: { c: 1 }, d: 1 }), "; `a` has `c`");
  assert.equal(missing({ a: [1, 2] }), "; `a` is an array of 2");
  assert.equal(missing({ a: 7 }), "; `a` is a number");
  const many = Object.fromEntries(Array.from({ length: 11 }, (_, n) => [`m${n}`, n]));
  assert.ok(missing(many).endsWith(", `m8`, …"), missing(many));
  assert.throws(() => payload({}).string("toString"), { message: "the payload has no `toString`" });
  assert.throws(() => payload(7).string("a"), { message: "the payload is a number, not an object" });
  assert.throws(() => request("a").build().payload.value(), { message: "the device sent no payload" });
});

test("the model has two names", () => {
  const model = (payload) => request("a").payload(payload).build().modelId();
  assert.equal(model({ modelId: "new", iotcModelId: "old" }), "new");
  assert.equal(model('{"iotcModelId":"old"}'), "old");
  assert.throws(() => model({ iotcModelId: 5 }), { message: "`iotcModelId` in the payload is a number, not a string" });
});

test("the three cases are told apart, and a hub is kept only while it is linked", () => {
  assert.ok(request("a").build().isFirst);
  const moving = request("a").hubs(["North.azure-devices.net"]).currentlyAt("NORTH.azure-devices.net").build();
  assert.equal(moving.keepCurrentHub(), "North.azure-devices.net");
  const pinned = request("a").pinnedAt("gone.azure-devices.net").build();
  assert.ok(pinned.isPinned && pinned.keepCurrentHub() === null);
});

test("the contract gets all of a decision, in one order", () => {
  const decision = Decision.to("north")
    .twin(new Twin().tag("site", "Oslo").withDesired({ 10: 1, 9: 2, "é": { b: 1, a: undefined } }))
    .payload({ b: 1, a: [true] })
    .because("one");
  assert.deepEqual(decision.toContract(), {
    hub: "north",
    initialTwin: { tags: '{"site":"Oslo"}', desiredProperties: '{"10":1,"9":2,"é":{"b":1}}' },
    payload: '{"a":[true],"b":1}',
    reasons: ["one"],
  });
  const numbers = Decision.to("north").payload({ n: [1e-5, 1.5e-6, -1e-7, 1.5, 1e21, -0.25] }).toContract();
  assert.equal(numbers.payload, '{"n":[0.00001,1.5e-6,-1e-7,1.5,1e21,-0.25]}');
  assert.throws(() => Decision.to("north").payload({ n: NaN }).toContract(), /NaN has no place in JSON/);
  assert.throws(() => Decision.to("north").payload([1]), /must be a JSON object, not an array/);
});

test("what is thrown becomes a refusal or a fault", () => {
  const contract = request("a").build().contract;
  const thrown = (policy) => {
    try {
      return allocate(policy, contract);
    } catch (error) {
      return error;
    }
  };
  assert.deepEqual(thrown(() => { throw Refusal.retryLater("full").afterSeconds(5); }), {
    tag: "retry-later",
    val: { message: "full", afterSeconds: 5 },
  });
  assert.deepEqual(thrown((it) => it.modelId()), { tag: "reject", val: "the device sent no payload" });
  const host = new Host();
  assert.deepEqual(host.run(() => thrown(() => tables.lookup("models", "a"))), {
    tag: "retry-later",
    val: { message: "table `models`: the policy has no such table: put it at tables/models.csv or tables/models.json", afterSeconds: null },
  });
  assert.ok(host.run(() => thrown((it) => it.nothing.here)) instanceof TypeError);
  assert.match(host.log[0].message, /^panicked at .*sdk\.test\.js:\d+:\d+: TypeError: /);
  assert.match(host.run(() => thrown(async () => 1)).message, /not a Decision: it must not be async/);
  assert.equal(faultLine("text"), "panicked: threw text");
});

test("settings are validated by what the policy throws", () => {
  validateSettings(undefined, "{}");
  const validate = ({ most }) => {
    if (most < 0) throw new Error(`\`most\` is ${most}`);
  };
  validateSettings(validate, '{"most":3}');
  assert.throws(() => validateSettings(validate, '{"most":-3}'), (complaint) => complaint === "`most` is -3");
});

test("a host has settings, tables and a log, and leaves nothing behind", () => {
  const host = new Host().settings({ who: "host" }).table("t", { k: [1] }).maxLookups(1);
  host.run(() => {
    assert.deepEqual([settings(), tables.lookup("t", "k")], [{ who: "host" }, [1]]);
    assert.throws(() => tables.lookup("t", "k"), SdkError);
    log.warn("careful");
  });
  assert.deepEqual(host.log, [{ level: "warn", message: "careful" }]);
  assert.deepEqual(settings(), {});
});

test("bodies of DPS can be read", () => {
  const body = {
    enrollmentGroup: { enrollmentGroupId: "all", attestation: { type: "symmetricKey" }, allocationPolicy: "later" },
    deviceRuntimeContext: { registrationId: "sensor-7", symmetricKey: {} },
    linkedHubs: HUBS,
  };
  const read = requestFromDps(JSON.stringify(body));
  assert.equal(read.group, "all");
  assert.deepEqual(read.enrollment.allocationPolicy, { tag: "other", val: "later" });
  assert.throws(() => requestFromDps({ ...body, linkedHubs: [] }), /linkedHubs is empty/);
});

test("JSON has one form, whoever writes it", () => {
  const plain = { a: 1.5, b: [true, null, "x\u2028\ud800"], c: { "": 0, d: -0 } };
  assert.equal(write(plain), JSON.stringify(plain));
  for (const [value, text] of [
    [{ b: 1, a: { d: 2, c: 3 } }, '{"a":{"c":3,"d":2},"b":1}'],
    [{ ab: 1, a: 2 }, '{"a":2,"ab":1}'],
    [{ 9: 1, 10: 2 }, '{"10":2,"9":1}'],
    // By code point, which the order of halves of surrogate pairs is not.
    [{ "\u{1f600}": 1, "\uffff": 2 }, '{"\uffff":2,"\u{1f600}":1}'],
    [{ "x\ufffe": 1, "x\u{1f600}": 2 }, '{"x\ufffe":1,"x\u{1f600}":2}'],
    [{ a: undefined, b: [undefined, 1e-6, 1e21, 123456789012345680000] }, '{"b":[null,1e-6,1e21,123456789012345680000]}'],
    [{ when: new Date(0), own: { toJSON: () => ({ b: 1, a: 2 }) } }, '{"own":{"a":2,"b":1},"when":"1970-01-01T00:00:00.000Z"}'],
  ]) {
    assert.equal(write(value), text);
  }
  for (const none of [NaN, Infinity, () => 1, Symbol("s"), 1n, { a: [NaN] }]) assert.throws(() => write(none), TypeError);
});
