package main

import (
	"os"
	"testing"

	berth "berth/sdk"
	"berth/sdk/berthtest"
)

func host(t *testing.T) *berthtest.Host {
	models, err := os.ReadFile("tables/models.json")
	if err != nil {
		t.Fatal(err)
	}
	return berthtest.NewHost().WithTable("models", string(models))
}

func decide(host *berthtest.Host, payload string) (decision *berth.Decision, err error) {
	request := berthtest.Request("sensor-7").
		Hubs("contoso-climate-1.azure-devices.net", "contoso-other.azure-devices.net").Payload(payload).Build()
	host.Run(func() { decision, err = allocate(request) })
	return decision, err
}

func TestAKnownModelGetsItsHubTwinAndSettings(t *testing.T) {
	decision, err := decide(host(t), `{"modelId": "dtmi:com:example:Thermostat;1"}`)
	if err != nil || decision.Hub != "contoso-climate-1.azure-devices.net" {
		t.Fatal(decision, err)
	}
	if decision.InitialTwin.Tags["deviceType"] != "thermostat" {
		t.Fatal(decision.InitialTwin)
	}
}

func TestAnUnknownModelIsRejectedUnlessTheSettingsSpreadIt(t *testing.T) {
	const kettle = `{"modelId": "dtmi:com:example:Kettle;1"}`
	if _, err := decide(host(t), kettle); err == nil || err.Error() != "unknown model `dtmi:com:example:Kettle;1`" {
		t.Fatal(err)
	}
	spreading := host(t).WithSettings(`{"unknownModel": "spread"}`)
	decision, err := decide(spreading, kettle)
	if err != nil || decision.Reasons[0] != "model-unknown" || len(spreading.Log()) != 1 {
		t.Fatal(decision, err)
	}
}

func TestSettingsAreExact(t *testing.T) {
	for text, good := range map[string]bool{
		`{}`: true, `{"unknownModel": "spread"}`: true, `{"unknownModel": "ignore"}`: false, `{"unknown_model": "spread"}`: false,
	} {
		if err := validateSettings([]byte(text)); (err == nil) != good {
			t.Fatal(text, err)
		}
	}
}
