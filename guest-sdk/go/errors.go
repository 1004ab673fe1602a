package berth

import "fmt"

// Kind says what a helper of the SDK complains about.
type Kind string

// The kinds of errors.
const (
	NoPayload      Kind = "no-payload"
	PayloadNotJSON Kind = "payload-not-json"
	MissingField   Kind = "missing-field"
	WrongType      Kind = "wrong-type"
	NoHub          Kind = "no-hub"
	BadSettings    Kind = "settings"
	BadTable       Kind = "table"
)

// Error is why a helper of the SDK has no answer.
type Error struct {
	Kind    Kind
	Message string
}

func (e *Error) Error() string { return e.Message }

// ofThePolicy is whether the policy's settings or tables are to blame, rather than the request.
func (e *Error) ofThePolicy() bool { return e.Kind == BadSettings || e.Kind == BadTable }

func failure(kind Kind, format string, arguments ...any) *Error {
	return &Error{kind, fmt.Sprintf(format, arguments...)}
}

// Refusal is a policy's deliberate "no".
type Refusal struct {
	Message string
	// IsReject is whether the device is rejected for good, rather than asked to come again.
	IsReject bool
	// Wait is how many seconds DPS should wait; nil leaves it to Berth.
	Wait *uint32
}

// Reject says that the device is not welcome. Permanent for this attempt: DPS reports a failure to the device.
func Reject(format string, arguments ...any) *Refusal {
	return &Refusal{Message: fmt.Sprintf(format, arguments...), IsReject: true}
}

// RetryLater says not now. DPS asks again, ten times over about seven minutes.
func RetryLater(format string, arguments ...any) *Refusal {
	return &Refusal{Message: fmt.Sprintf(format, arguments...)}
}

// AfterSeconds sets how long DPS should wait before it asks again. A rejection stays as it is.
func (r *Refusal) AfterSeconds(seconds uint32) *Refusal {
	if !r.IsReject {
		r.Wait = &seconds
	}
	return r
}

func (r *Refusal) Error() string { return r.Message }
