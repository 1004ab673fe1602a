import sys
import unittest

sys.path.insert(0, "sdk")

from berth_sdk import SdkError
from berth_sdk.testing import request

from policy import allocate


class Policy(unittest.TestCase):
    def test_a_device_keeps_its_hub(self):
        thermostat = (
            request("sensor-7")
            .payload({"modelId": "dtmi:com:example:Thermostat;1"})
            .currently_at("hub-b.azure-devices.net")
            .build()
        )
        self.assertEqual(allocate(thermostat).hub, "hub-b.azure-devices.net")

    def test_a_device_without_a_model_is_rejected(self):
        with self.assertRaisesRegex(SdkError, "the payload has no `modelId`"):
            allocate(request("sensor-7").payload({}).build())


if __name__ == "__main__":
    unittest.main()
