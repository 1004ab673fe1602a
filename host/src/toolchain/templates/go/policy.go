// Which hub a device joins.
package main

import berth "berth/sdk"

func init() { berth.Policy(allocate) }

func main() {}

func allocate(request *berth.Request) (*berth.Decision, error) {
	model, err := request.ModelID()
	if err != nil {
		return nil, err
	}
	hub, keeps := request.KeepCurrentHub()
	if !keeps {
		if hub, err = request.Hubs().Spread(request.RegistrationID()); err != nil {
			return nil, err
		}
	}
	return berth.To(hub).
		Twin(berth.NewTwin().Tag("model", model)).
		Payload(berth.Object{"reportEverySeconds": 60}).
		Because("model-known"), nil
}
