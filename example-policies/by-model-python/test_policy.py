import json
import unittest
from pathlib import Path

import policy
from berth_sdk import Refusal
from berth_sdk.testing import Host, request

MODELS = json.loads((Path(__file__).parent / "tables/models.json").read_text())


def host():
    return Host().with_table("models", MODELS)


def device(payload):
    hubs = ["contoso-climate-1.azure-devices.net", "contoso-other.azure-devices.net"]
    return request("sensor-7").hubs(hubs).payload(payload).build()


class ByModel(unittest.TestCase):
    def test_a_known_model_gets_its_hub_twin_and_settings(self):
        thermostat = device({"modelId": "dtmi:com:example:Thermostat;1"})
        decision = host().run(lambda: policy.allocate(thermostat))
        self.assertEqual(decision.hub, "contoso-climate-1.azure-devices.net")
        self.assertEqual(decision.initial_twin.tags, {"deviceType": "thermostat"})
        self.assertEqual(decision.reply["telemetryInterval"], 60)

    def test_an_unknown_model_is_rejected_unless_the_settings_spread_it(self):
        kettle = device({"modelId": "dtmi:com:example:Kettle;1"})
        with self.assertRaisesRegex(Refusal, "unknown model `dtmi:com:example:Kettle;1`"):
            host().run(lambda: policy.allocate(kettle))
        spreading = host().with_settings({"unknownModel": "spread"})
        self.assertEqual(spreading.run(lambda: policy.allocate(kettle)).reasons, ["model-unknown"])
        self.assertEqual(len(spreading.log), 1)

    def test_settings_are_exact(self):
        policy.validate_settings({})
        policy.validate_settings({"unknownModel": "spread"})
        for settings in ({"unknownModel": "ignore"}, {"unknown_model": "spread"}):
            with self.assertRaises(ValueError):
                policy.validate_settings(settings)


if __name__ == "__main__":
    unittest.main()
