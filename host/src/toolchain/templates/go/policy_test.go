package main

import (
	"testing"

	"berth/sdk/berthtest"
)

func TestADeviceKeepsItsHub(t *testing.T) {
	request := berthtest.Request("sensor-7").
		Payload(`{"modelId": "dtmi:com:example:Thermostat;1"}`).CurrentlyAt("hub-b.azure-devices.net").Build()
	decision, err := allocate(request)
	if err != nil || decision.Hub != "hub-b.azure-devices.net" {
		t.Fatal(decision, err)
	}
}

func TestADeviceWithoutAModelIsRejected(t *testing.T) {
	_, err := allocate(berthtest.Request("sensor-7").Payload(`{}`).Build())
	if err == nil || err.Error() != "the payload has no `modelId`" {
		t.Fatal(err)
	}
}
