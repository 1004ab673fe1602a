// Package berth is for allocation policies for Berth, in Go.
//
// A policy is one function, which gets the request of one device and returns a decision or an error:
//
//	package main
//
//	import berth "berth/sdk"
//
//	func init() { berth.Policy(allocate) }
//
//	func main() {}
//
//	func allocate(request *berth.Request) (*berth.Decision, error) {
//		model, err := request.ModelID()
//		if err != nil {
//			return nil, err
//		}
//		hub, err := request.Hubs().Spread(request.RegistrationID())
//		if err != nil {
//			return nil, err
//		}
//		return berth.To(hub).Twin(berth.NewTwin().Tag("model", model)).Because("model-known"), nil
//	}
//
// Besides the request it can reach its settings, its tables and its log. There is no clock, no randomness, no file and no
// network, so the same request always gets the same decision.
//
// An error of the SDK becomes a refusal: what is wrong with the request rejects the device, what is wrong with the policy's
// settings or tables asks DPS to come again. Any other error, and a panic, is a fault of the policy, whose message and place
// are written to the policy's log.
package berth

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
)

var (
	allocator func(*Request) (*Decision, error)
	validator func([]byte) error
)

// Policy makes a policy of a function. Call it once, from an init function.
func Policy(allocate func(*Request) (*Decision, error)) {
	allocator = allocate
}

// ValidateSettings lets Berth ask about settings, a JSON object, before they serve. The error is shown to the policy's
// owner. Call it once, from an init function.
func ValidateSettings(validate func(settings []byte) error) {
	validator = validate
}

// Decide calls the policy as Berth does: the answer is a decision, or a refusal, or neither after a fault, which has been
// logged. For tests of what surrounds a policy; a policy's own tests call its function.
func Decide(request *Request) (decision *Decision, refusal *Refusal, faulted bool) {
	defer func() {
		if thrown := recover(); thrown != nil {
			Log.Error("panicked%s: %v", place(), thrown)
			decision, refusal, faulted = nil, nil, true
		}
	}()
	if allocator == nil {
		panic("no policy: call berth.Policy(allocate) from an init function")
	}
	decision, err := allocator(request)
	switch {
	case err != nil:
		refusal = refusalOf(err)
		if refusal == nil {
			Log.Error("panicked: allocate returned the error %v", err)
			return nil, nil, true
		}
		return nil, refusal, false
	case decision == nil:
		panic("allocate returned neither a decision nor an error")
	}
	// Written here, so that what has no place in JSON is a fault like any other.
	decision.texts()
	return decision, nil, false
}

// validate asks the policy's validator: what is wrong with the settings, or a fault, which has been logged.
func validate(settings []byte) (faulted bool, err error) {
	defer func() {
		if thrown := recover(); thrown != nil {
			Log.Error("panicked%s: %v", place(), thrown)
			faulted, err = true, nil
		}
	}()
	return false, validator(settings)
}

// refusalOf is the refusal that an error stands for; nil if it is a fault.
func refusalOf(err error) *Refusal {
	var refusal *Refusal
	if errors.As(err, &refusal) {
		return refusal
	}
	var own *Error
	if !errors.As(err, &own) {
		return nil
	}
	if own.ofThePolicy() {
		return RetryLater("%s", own.Error())
	}
	return Reject("%s", own.Error())
}

// place is where a panic came from, outside of the SDK and of Go itself: ` at policy.go:12`.
func place() string {
	callers := make([]uintptr, 64)
	frames := runtime.CallersFrames(callers[:runtime.Callers(3, callers)])
	for {
		frame, more := frames.Next()
		own := !strings.HasPrefix(frame.Function, "runtime.") && !strings.HasPrefix(frame.Function, "berth/sdk.")
		if own && frame.File != "" {
			file := frame.File[strings.LastIndexByte(frame.File, '/')+1:]
			return fmt.Sprintf(" at %s:%d", file, frame.Line)
		}
		if !more {
			return ""
		}
	}
}
