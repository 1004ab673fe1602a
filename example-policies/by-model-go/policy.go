// Chooses hub, first twin and settings by the IoT Plug and Play model a device announces in its payload.
//
// What each model gets is in the table `models`, so that a new model needs no new code.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"

	berth "berth/sdk"
)

func init() {
	berth.Policy(allocate)
	berth.ValidateSettings(validateSettings)
}

func main() {}

// settings say what happens to a device whose model is not in the table: it is rejected, or spread over all hubs.
type settings struct {
	UnknownModel string `json:"unknownModel"`
}

// model is a row of the table `models`, keyed by the model's id.
type model struct {
	// Hub is how the names of the hubs for this model start.
	Hub string `json:"hub"`
	// Tags and Desired are the first twin.
	Tags    berth.Object `json:"tags"`
	Desired berth.Object `json:"desired"`
	// Settings are what the device hears back.
	Settings berth.Object `json:"settings"`
}

func allocate(request *berth.Request) (*berth.Decision, error) {
	id := request.RegistrationID()
	modelID, err := request.ModelID()
	if err != nil {
		return nil, err
	}
	var row model
	if known, err := berth.Lookup("models", modelID, &row); err != nil {
		return nil, err
	} else if known {
		return forModel(request, row)
	}
	var settings settings
	if err := berth.Settings(&settings); err != nil {
		return nil, err
	}
	if settings.UnknownModel != "spread" {
		return nil, berth.Reject("unknown model `%s`", modelID)
	}
	berth.Log.Warn("%s has the unknown model %s", id, modelID)
	hub, err := request.Hubs().Spread(id)
	if err != nil {
		return nil, err
	}
	return berth.To(hub).Because("model-unknown"), nil
}

func forModel(request *berth.Request, row model) (*berth.Decision, error) {
	hub, err := request.Hubs().StartingWith(row.Hub).Spread(request.RegistrationID())
	if err != nil {
		return nil, err
	}
	twin := berth.NewTwin().WithTags(row.Tags).WithDesired(row.Desired)
	return berth.To(hub).Twin(twin).Payload(row.Settings).Because("model-known"), nil
}

func validateSettings(text []byte) error {
	settings := settings{UnknownModel: "reject"}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&settings); err != nil {
		return err
	}
	if settings.UnknownModel != "reject" && settings.UnknownModel != "spread" {
		return fmt.Errorf(`unknownModel is "reject" or "spread", not %q`, settings.UnknownModel)
	}
	return nil
}
