package berthtest_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	berth "berth/sdk"
	"berth/sdk/berthtest"
)

func same[T comparable](t *testing.T, found, wanted T) {
	t.Helper()
	if found != wanted {
		t.Fatalf("\n%v\nis not\n%v", found, wanted)
	}
}

func TestScoresAndHubsAreThoseOfTheRustSDK(t *testing.T) {
	var hubs, found []string
	scores := []uint64{0x3febe58ef948846e, 0x400348bf4b29239f, 0x3fe227b12f99a9d0, 0x400aeb4e5f467d77}
	for i, name := range []string{"north", "south", "east", "west"} {
		hubs = append(hubs, name+".azure-devices.net")
		same(t, math.Float64bits(berth.HubScore("breakroom499-contoso-tstrsd-007", hubs[i], 1)), scores[i])
	}
	request := berthtest.Request("a").Hubs(hubs...).Build()
	for n := range 12 {
		hub, _ := request.Hubs().Spread(fmt.Sprintf("device-%d", n))
		found = append(found, strings.Split(hub, ".")[0])
	}
	same(t, strings.Join(found, " "), "west east south west east north east north south west east west")
}

func TestConditionsNarrowAndSayWhenNothingIsLeft(t *testing.T) {
	hubs := berthtest.Request("a").Hubs("Toasters-EU.azure-devices.net", "heatpumps-eu.azure-devices.net").Build().Hubs()
	hub, _ := hubs.Named("TOASTERS-eu")
	same(t, hub, "Toasters-EU.azure-devices.net")
	_, err := hubs.StartingWith("heat").EndingWith("-us").First()
	same(t, err.Error(), "no linked hub whose name starts with `heat` and ends with `-us`; "+
		"linked: Toasters-EU.azure-devices.net, heatpumps-eu.azure-devices.net")
}

func TestAPayloadIsLookedIntoAndErrorsNameThePath(t *testing.T) {
	payload := berthtest.Request("a").Payload(`"{\"a\": [{\"b\": 12}], \"half\": 1.5}"`).Build().Payload()
	number, err := payload.Int("a.0.b")
	same(t, number, 12)
	same(t, err, nil)
	_, err = payload.Int("half")
	same(t, err.Error(), "`half` in the payload is a number, not a whole number of 64 bits")
	_, err = payload.String("a.1")
	same(t, err.Error(), "the payload has no `a.1`; `a` is an array of 1")
	missing := func(payload string) string {
		_, err := berthtest.Request("a").Payload(payload).Build().Payload().String("a.b")
		return strings.TrimPrefix(err.Error(), "the payload has no `a.b`")
	}
	same(t, missing(`{"b": null}`), "")
	same(t, missing(`{"b": 1, "A": {}}`), "; it has `A`, `b`")
	same(t, missing(`{"a": {"c": 1}, "d": 1}`), "; `a` has `c`")
	same(t, missing(`{"a": 7}`), "; `a` is a number")
	many := `{"00":0,"01":0,"02":0,"03":0,"04":0,"05":0,"06":0,"07":0,"08":0,"09":0,"10":0}`
	same(t, missing(many), "; it has `00`, `01`, `02`, `03`, `04`, `05`, `06`, `07`, `08`, `09`, …")
	_, err = berthtest.Request("a").Build().ModelID()
	same(t, err.Error(), "the device sent no payload")
	_, err = berthtest.Request("a").Payload("7").Build().ModelID()
	same(t, err.Error(), "the payload is a number, not an object")
}

func TestADecisionARefusalAndAFault(t *testing.T) {
	request := berthtest.Request("a").CurrentlyAt("HUB-b.azure-devices.net").Build()
	decide := func(policy func(*berth.Request) (*berth.Decision, error)) (*berth.Decision, *berth.Refusal, bool, *berthtest.Host) {
		host := berthtest.NewHost()
		berth.Policy(policy)
		var decision *berth.Decision
		var refusal *berth.Refusal
		var faulted bool
		host.Run(func() { decision, refusal, faulted = berth.Decide(request) })
		return decision, refusal, faulted, host
	}
	decision, _, _, _ := decide(func(r *berth.Request) (*berth.Decision, error) {
		hub, _ := r.KeepCurrentHub()
		return berth.To(hub), nil
	})
	same(t, decision.Hub, "hub-b.azure-devices.net")
	_, refusal, _, _ := decide(func(*berth.Request) (*berth.Decision, error) {
		return nil, berth.RetryLater("full").AfterSeconds(5)
	})
	same(t, *refusal.Wait, 5)
	_, refusal, _, _ = decide(func(*berth.Request) (*berth.Decision, error) {
		_, err := berth.Lookup("models", "a", &berth.Object{})
		return nil, err
	})
	same(t, refusal.Message, "table `models`: the policy has no such table: put it at tables/models.csv or tables/models.json")
	same(t, refusal.IsReject, false)
	_, _, faulted, host := decide(func(*berth.Request) (*berth.Decision, error) { panic("out of hubs") })
	same(t, faulted, true)
	line := host.Log()[0].Message
	if !strings.HasPrefix(line, "panicked at sdk_test.go:") || !strings.HasSuffix(line, ": out of hubs") {
		t.Fatal(line)
	}
	_, _, faulted, host = decide(func(*berth.Request) (*berth.Decision, error) { return nil, errors.New("unknown") })
	same(t, faulted, true)
	same(t, host.Log()[0].Message, "panicked: allocate returned the error unknown")
}
