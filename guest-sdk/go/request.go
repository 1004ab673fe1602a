package berth

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Request is DPS's allocation request for one device.
type Request struct {
	contract Contract
	payload  Payload
}

// NewRequest makes a request of the contract's record.
func NewRequest(contract Contract) *Request {
	return &Request{contract, newPayload(contract.Payload)}
}

// Contract is the record behind the request, for what has no helper.
func (r *Request) Contract() *Contract { return &r.contract }

// RegistrationID is the device's registration id, as the device gave it. DPS compares these without regard to case.
func (r *Request) RegistrationID() string { return r.contract.RegistrationID }

// IsFirst is whether the device has no hub yet.
func (r *Request) IsFirst() bool { return r.contract.Assignment == First }

// IsPinned is whether the device stays on its hub whatever is decided. The decision's payload still reaches it.
func (r *Request) IsPinned() bool { return r.contract.Assignment == Pinned }

// CurrentHub is the host name of the device's hub, if it has one. The hub need not be linked any more.
func (r *Request) CurrentHub() (hub string, has bool) {
	if r.contract.CurrentHub == nil {
		return "", false
	}
	return *r.contract.CurrentHub, true
}

// KeepCurrentHub is the device's hub while it is still linked, as DPS spells it among the linked hubs.
func (r *Request) KeepCurrentHub() (hub string, keeps bool) {
	current, has := r.CurrentHub()
	for _, hub := range r.contract.LinkedHubs {
		if has && HubMatches(hub, current) {
			return hub, true
		}
	}
	return "", false
}

// Certificate is what the device's X.509 certificate says; nil if it showed none that can be parsed.
func (r *Request) Certificate() *Certificate {
	if r.contract.Attestation.X509 == nil {
		return nil
	}
	return r.contract.Attestation.X509.Facts
}

// Group is the id of the enrollment group, if the device came through one.
func (r *Request) Group() (id string, has bool) {
	if r.contract.Enrollment.Group == nil {
		return "", false
	}
	return *r.contract.Enrollment.Group, true
}

// Hubs are the linked hubs, to choose from.
func (r *Request) Hubs() Hubs {
	return Hubs{linked: r.contract.LinkedHubs, left: r.contract.LinkedHubs}
}

// Payload is what the device sent along.
func (r *Request) Payload() Payload { return r.payload }

// ModelID is the IoT Plug and Play model the device announces: `modelId`, or IoT Central's older `iotcModelId`.
func (r *Request) ModelID() (string, error) {
	if r.payload.Find("modelId") == nil && r.payload.Find("iotcModelId") != nil {
		return r.payload.String("iotcModelId")
	}
	return r.payload.String("modelId")
}

// Payload is a device's payload.
//
// Some clients send a string that holds JSON: AsSent gives the string, everything else looks into it. A path is dotted:
// `firmware.version`, `sensors.0`; the empty path is the payload itself. A null counts as missing. What is missing or of
// another type is an error that rejects the device, naming the path.
type Payload struct {
	text           *string
	asSent, opened any
	err            error
}

func newPayload(text *string) Payload {
	if text == nil {
		return Payload{err: failure(NoPayload, "the device sent no payload")}
	}
	value, err := parse(*text)
	if err != nil {
		return Payload{text: text, err: failure(PayloadNotJSON, "the payload is not JSON: %v", err)}
	}
	if value == nil {
		return Payload{text: text, err: failure(NoPayload, "the device sent no payload")}
	}
	return Payload{text: text, asSent: value, opened: open(value)}
}

// open looks into a string. Only objects and arrays are opened: a device that sends the string "12" means a string.
func open(value any) any {
	text, is := value.(string)
	trimmed := strings.TrimSpace(text)
	if !is || !(strings.HasPrefix(trimmed, "{") || strings.HasPrefix(trimmed, "[")) {
		return value
	}
	if opened, err := parse(trimmed); err == nil {
		return opened
	}
	return value
}

// mostNames is how many members are named where another one is missing.
const mostNames = 10

// Text is the JSON text, exactly as DPS sent it; nil if the device sent nothing.
func (p Payload) Text() *string { return p.text }

// AsSent is the payload as the device sent it.
func (p Payload) AsSent() (any, error) { return p.asSent, p.err }

// Value is the payload, opened if it is a string that holds a JSON object or array.
func (p Payload) Value() (any, error) { return p.opened, p.err }

// Find is what is at a path; nil if there is nothing.
func (p Payload) Find(path string) any {
	value := p.opened
	if path == "" {
		return value
	}
	for segment := range strings.SplitSeq(path, ".") {
		switch at := value.(type) {
		case Object:
			value = at[segment]
		case []any:
			index, err := strconv.ParseUint(segment, 10, 31)
			if err != nil || index >= uint64(len(at)) {
				return nil
			}
			value = at[index]
		default:
			return nil
		}
	}
	return value
}

// Get is what is at a path, of whatever type. Numbers are of the type json.Number.
func (p Payload) Get(path string) (any, error) {
	if p.err != nil {
		return nil, p.err
	}
	switch p.opened.(type) {
	case Object, []any:
	default:
		if path != "" {
			return nil, wrongType("", p.opened, "an object")
		}
	}
	found := p.Find(path)
	if found == nil {
		return nil, failure(MissingField, "the payload has no `%s`%s", path, p.insteadOf(path))
	}
	return found, nil
}

// insteadOf is what there is where a path leads to nothing: a misspelt member is found by those that are there.
func (p Payload) insteadOf(path string) string {
	what, found := "it", p.opened
	for end, letter := range path {
		if letter != '.' {
			continue
		}
		above := p.Find(path[:end])
		if above == nil {
			break
		}
		what, found = "`"+path[:end]+"`", above
	}
	switch found := found.(type) {
	case Object:
		return named(what, found)
	case []any:
		return fmt.Sprintf("; %s is an array of %d", what, len(found))
	default:
		return fmt.Sprintf("; %s is %s", what, describe(found))
	}
}

func named(what string, members Object) string {
	var names []string
	for name, value := range members {
		if value != nil {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	slices.Sort(names)
	more := ""
	if len(names) > mostNames {
		names, more = names[:mostNames], ", …"
	}
	return fmt.Sprintf("; %s has `%s`%s", what, strings.Join(names, "`, `"), more)
}

// String is the string at a path.
func (p Payload) String(path string) (string, error) { return typed[string](p, path, "a string") }

// Bool is the boolean at a path.
func (p Payload) Bool(path string) (bool, error) { return typed[bool](p, path, "a boolean") }

// Int is the whole number at a path.
func (p Payload) Int(path string) (int64, error) {
	const wanted = "a whole number of 64 bits"
	text, err := typed[json.Number](p, path, wanted)
	if err != nil {
		return 0, err
	}
	value, err := text.Int64()
	if err != nil {
		return 0, wrongType(path, text, wanted)
	}
	return value, nil
}

// Float is the number at a path.
func (p Payload) Float(path string) (float64, error) {
	text, err := typed[json.Number](p, path, "a number")
	if err != nil {
		return 0, err
	}
	return text.Float64()
}

func typed[T any](p Payload, path, wanted string) (T, error) {
	var none T
	found, err := p.Get(path)
	if err != nil {
		return none, err
	}
	value, fits := found.(T)
	if !fits {
		return none, wrongType(path, found, wanted)
	}
	return value, nil
}

func wrongType(path string, found any, wanted string) error {
	what := "the payload"
	if path != "" {
		what = "`" + path + "` in the payload"
	}
	return failure(WrongType, "%s is %s, not %s", what, describe(found), wanted)
}
