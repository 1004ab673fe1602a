"""The SDK's own tests: `python3 -m unittest discover -s tests` in the folder above, on its path."""

import struct
import unittest
from types import SimpleNamespace

from berth_sdk import Decision, Hubs, Refusal, SdkError, Twin, contract, entry, hub_matches, hub_score, log, settings, tables
from berth_sdk.testing import Host, request, request_from_dps

HUBS = [f"{name}.azure-devices.net" for name in ("north", "south", "east", "west")]


def bits(number: float) -> int:
    return struct.unpack("<Q", struct.pack("<d", number))[0]


class Sdk(unittest.TestCase):
    def test_scores_and_hubs_are_those_of_the_rust_sdk_to_the_bit(self):
        scores = [bits(hub_score("breakroom499-contoso-tstrsd-007", hub, 1.0)) for hub in HUBS]
        self.assertEqual(scores, [0x3FEBE58EF948846E, 0x400348BF4B29239F, 0x3FE227B12F99A9D0, 0x400AEB4E5F467D77])
        found = [Hubs(HUBS).spread(f"device-{n}").split(".")[0] for n in range(12)]
        self.assertEqual(found, "west east south west east north east north south west east west".split())

    def test_conditions_narrow_and_say_when_nothing_is_left(self):
        hubs = Hubs(["Toasters-EU.azure-devices.net", "heatpumps-eu.azure-devices.net"])
        self.assertEqual(hubs.named("TOASTERS-eu"), "Toasters-EU.azure-devices.net")
        self.assertEqual(len(hubs.ending_with("-EU")), 2)
        with self.assertRaises(SdkError) as failure:
            hubs.starting_with("heat").ending_with("-us").first()
        self.assertEqual(
            str(failure.exception),
            "no linked hub whose name starts with `heat` and ends with `-us`; "
            "linked: Toasters-EU.azure-devices.net, heatpumps-eu.azure-devices.net",
        )
        with self.assertRaisesRegex(SdkError, "no linked hub with a weight above zero;"):
            hubs.spread_weighted("a", lambda _: 0.0)
        self.assertTrue(hub_matches("North.azure-devices.net", "north"))
        self.assertFalse(hub_matches("north.azure-devices.net", "nor"))

    def test_a_payload_is_looked_into_and_errors_name_the_path(self):
        payload = lambda value: request("a").payload(value).build().payload
        self.assertEqual(payload('{"firmware": {"major": 12}}').integer("firmware.major"), 12)
        self.assertIs(payload({"a": [{"b": True}]}).boolean("a.0.b"), True)
        self.assertIsNone(payload({"a": None}).find("a"))
        for get, words in [
            (lambda: payload({"a": 1.5}).integer("a"), "`a` in the payload is a number, not a whole number of 64 bits"),
            (lambda: payload({"a": True}).number("a"), "`a` in the payload is a boolean, not a number"),
            (lambda: payload({"b": None}).string("a.b"), "the payload has no `a.b`"),
            (lambda: payload({"b": 1, "A": {}}).string("a.b"), "the payload has no `a.b`; it has `A`, `b`"),
            (lambda: payload({"a": {"c": 1}, "d": 1}).string("a.b"), "the payload has no `a.b`; `a` has `c`"),
            (lambda: payload({"a": [1, 2]}).string("a.b"), "the payload has no `a.b`; `a` is an array of 2"),
            (lambda: payload({"a": 7}).string("a.b"), "the payload has no `a.b`; `a` is a number"),
            (
                lambda: payload({f"{n:02}": n for n in range(11)}).string("a"),
                "the payload has no `a`; it has " + ", ".join(f"`{n:02}`" for n in range(10)) + ", …",
            ),
            (lambda: payload(7).string("a"), "the payload is a number, not an object"),
            (lambda: request("a").build().payload.value(), "the device sent no payload"),
        ]:
            with self.assertRaises(SdkError) as failure:
                get()
            self.assertEqual(str(failure.exception), words)

    def test_the_model_has_two_names(self):
        model = lambda payload: request("a").payload(payload).build().model_id()
        self.assertEqual(model({"modelId": "new", "iotcModelId": "old"}), "new")
        self.assertEqual(model('{"iotcModelId":"old"}'), "old")

    def test_the_three_cases_are_told_apart(self):
        self.assertTrue(request("a").build().is_first)
        moving = request("a").hubs(["North.azure-devices.net"]).currently_at("NORTH.azure-devices.net").build()
        self.assertEqual(moving.keep_current_hub(), "North.azure-devices.net")
        pinned = request("a").pinned_at("gone.azure-devices.net").build()
        self.assertTrue(pinned.is_pinned and pinned.keep_current_hub() is None)

    def test_the_contract_gets_all_of_a_decision_in_one_order(self):
        twin = Twin().tag("site", "Oslo").with_desired({"é": {"b": 1, "a": None}, "10": 1})
        decision = Decision.to("north").twin(twin).payload({"b": 1, "a": [True]}).because("one")
        texts = ('{"site":"Oslo"}', '{"10":1,"é":{"a":null,"b":1}}', '{"a":[true],"b":1}')
        self.assertEqual(entry.decision_texts(decision), texts)
        self.assertEqual(entry.decision_texts(Decision.to("north").twin(Twin())), (None, None, None))
        numbers = Decision.to("north").payload({"n": [1e-5, 1.25e-5, 1.5e-6, -1e-7, 1.5, 21.0, 21, 1e16]})
        self.assertEqual(entry.decision_texts(numbers)[2], '{"n":[0.00001,0.0000125,1.5e-6,-1e-7,1.5,21.0,21,1e16]}')
        with self.assertRaisesRegex(ValueError, "nan has no place in JSON"):
            entry.decision_texts(Decision.to("north").payload({"n": float("nan")}))
        with self.assertRaisesRegex(TypeError, "must be a JSON object, not list"):
            Decision.to("north").payload([1])

    def test_what_is_raised_becomes_a_refusal_or_a_fault(self):
        def outcome(allocate):
            try:
                return entry.allocate(SimpleNamespace(allocate=allocate), request("a").build().contract)
            except BaseException as raised:
                return raised

        def full(_):
            raise Refusal.retry_later("full").after_seconds(5)

        host = Host()
        refusal = host.run(lambda: outcome(full))
        self.assertEqual((refusal.message, refusal.is_reject, refusal.wait), ("full", False, 5))
        refusal = host.run(lambda: outcome(lambda it: it.model_id()))
        self.assertEqual((refusal.message, refusal.is_reject), ("the device sent no payload", True))
        refusal = host.run(lambda: outcome(lambda _: tables.lookup("models", "a")))
        told = "table `models`: the policy has no such table: put it at tables/models.csv or tables/models.json"
        self.assertEqual((refusal.message, refusal.is_reject), (told, False))
        self.assertIsInstance(host.run(lambda: outcome(lambda it: it.nothing)), AttributeError)
        self.assertRegex(host.log[0][1], r"^panicked at .*test_sdk\.py:\d+ in <lambda>: AttributeError: ")
        self.assertRegex(str(host.run(lambda: outcome(lambda _: None))), "returned NoneType, not a Decision")
        unwritable = Decision.to("a").payload({"when": object()})
        self.assertIsInstance(host.run(lambda: outcome(lambda _: unwritable)), TypeError)

    def test_settings_are_validated_by_what_the_policy_raises(self):
        def validate_settings(settings):
            if settings["most"] < 0:
                raise ValueError(f"`most` is {settings['most']}")

        policy = SimpleNamespace(validate_settings=validate_settings)
        self.assertIsNone(entry.validate_settings(policy, '{"most": 3}'))
        self.assertEqual(entry.validate_settings(policy, '{"most": -3}'), "`most` is -3")
        self.assertIsNone(entry.validate_settings(SimpleNamespace(), "{}"))

    def test_a_host_has_settings_tables_and_a_log_and_leaves_nothing_behind(self):
        host = Host().with_settings({"who": "host"}).with_table("t", {"k": [1]}).with_max_lookups(1)

        def policy():
            self.assertEqual((settings(), tables.lookup("t", "k")), ({"who": "host"}, [1]))
            with self.assertRaises(SdkError):
                tables.lookup("t", "k")
            log.warn("careful")

        host.run(policy)
        self.assertEqual(host.log, [("warn", "careful")])
        self.assertEqual(settings(), {})

    def test_bodies_of_dps_can_be_read(self):
        body = {
            "enrollmentGroup": {"enrollmentGroupId": "all", "attestation": {"type": "symmetricKey"}, "allocationPolicy": "later"},
            "deviceRuntimeContext": {"registrationId": "sensor-7", "symmetricKey": {}},
            "linkedHubs": HUBS,
        }
        read = request_from_dps(body)
        self.assertEqual(read.group, "all")
        self.assertEqual(read.enrollment.allocation_policy, contract.AllocationPolicyOther("later"))


if __name__ == "__main__":
    unittest.main()
