package berth

import (
	"encoding/json"
	"errors"
	"fmt"
)

// Host is what Berth gives a policy. In a component Berth answers; in a unit test the host of the package berthtest does;
// without either, one that has nothing.
type Host interface {
	Write(level Level, message string)
	Settings() string
	Lookup(table, key string) (row string, found bool, err error)
}

// Why a look-up could not be made.
var (
	ErrNoSuchTable    = errors.New("the policy has no such table")
	ErrTooManyLookups = errors.New("the decision has used up its look-ups")
)

type nobody struct{}

func (nobody) Write(level Level, message string)           { fmt.Printf("%s: %s\n", level, message) }
func (nobody) Settings() string                            { return "{}" }
func (nobody) Lookup(string, string) (string, bool, error) { return "", false, ErrNoSuchTable }

var host Host = nobody{}

// ExchangeHost puts another host in place, and returns the one before it.
func ExchangeHost(next Host) Host {
	before := host
	host = next
	return before
}

// Settings reads the settings of the release that serves this request into a value, as encoding/json does. Without settings
// they are an empty object.
func Settings(into any) error {
	if err := json.Unmarshal([]byte(host.Settings()), into); err != nil {
		return failure(BadSettings, "the settings do not fit: %v", err)
	}
	return nil
}

// Lookup reads the row of a key in `tables/NAME.csv` or `tables/NAME.json` into a value. It is false if the table has no
// such key. Objects read into an Object keep the text of their numbers.
func Lookup(table, key string, into any) (found bool, err error) {
	row, found, err := host.Lookup(table, key)
	if errors.Is(err, ErrNoSuchTable) {
		return false, failure(BadTable, "table `%s`: %v: put it at tables/%s.csv or tables/%s.json", table, err, table, table)
	}
	if err != nil {
		return false, failure(BadTable, "table `%s`: %v", table, err)
	}
	if !found {
		return false, nil
	}
	if err := decode(row, into); err != nil {
		return false, failure(BadTable, "table `%s`: the row of `%s` does not fit: %v", table, key, err)
	}
	return true, nil
}

// Level is how much a line of the log matters.
type Level int

// The levels.
const (
	Debug Level = iota
	Info
	Warn
	Failed
)

func (l Level) String() string { return [...]string{"debug", "info", "warn", "error"}[l] }

// Logger writes the policy's log. Its owner reads it; no device ever does. Lines past the policy's limits are dropped.
type Logger struct{}

// Log is the policy's log.
var Log Logger

// Debug writes a line that is of interest while a policy is being written, formatted as by fmt.Sprintf.
func (Logger) Debug(format string, arguments ...any) {
	host.Write(Debug, fmt.Sprintf(format, arguments...))
}

// Info writes a line about something normal.
func (Logger) Info(format string, arguments ...any) {
	host.Write(Info, fmt.Sprintf(format, arguments...))
}

// Warn writes a line about something that is not right, though a decision can be made.
func (Logger) Warn(format string, arguments ...any) {
	host.Write(Warn, fmt.Sprintf(format, arguments...))
}

// Error writes a line about something wrong.
func (Logger) Error(format string, arguments ...any) {
	host.Write(Failed, fmt.Sprintf(format, arguments...))
}
