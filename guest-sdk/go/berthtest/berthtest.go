// Package berthtest is for unit tests of policies, without WebAssembly: requests, and a host that plays the part of Berth.
//
// Not for checks: those are files beside the policy, which Berth runs against the component itself.
package berthtest

import (
	"encoding/json"
	"fmt"

	berth "berth/sdk"
)

// Request starts a request: unless told otherwise a first registration through the group `devices` with a symmetric key and
// no payload, and two linked hubs.
func Request(registrationID string) *Builder {
	group := "devices"
	return &Builder{berth.Contract{
		RegistrationID: registrationID,
		LinkedHubs:     []string{"hub-a.azure-devices.net", "hub-b.azure-devices.net"},
		RuntimeContext: "{}",
		Enrollment:     berth.Enrollment{Group: &group, AttestationKind: "symmetric-key", Document: "{}"},
	}}
}

// Builder is a request in the making.
type Builder struct{ contract berth.Contract }

// Group lets the device come through this enrollment group.
func (b *Builder) Group(id string) *Builder {
	b.contract.Enrollment.Group, b.contract.Enrollment.Individual = &id, nil
	return b
}

// Individual lets the device come through an enrollment of its own.
func (b *Builder) Individual() *Builder {
	b.contract.Enrollment.Group = nil
	b.contract.Enrollment.Individual = &berth.Individual{RegistrationID: b.contract.RegistrationID}
	return b
}

// Hubs links these hubs and no others.
func (b *Builder) Hubs(hostNames ...string) *Builder {
	b.contract.LinkedHubs = hostNames
	return b
}

// CurrentlyAt lets the device have a hub already, from which it may move.
func (b *Builder) CurrentlyAt(hostName string) *Builder {
	b.contract.Assignment, b.contract.CurrentHub = berth.MayMove, &hostName
	return b
}

// PinnedAt lets the device have a hub already, on which it has to stay.
func (b *Builder) PinnedAt(hostName string) *Builder {
	b.contract.Assignment, b.contract.CurrentHub = berth.Pinned, &hostName
	return b
}

// Payload lets the device send a payload of this JSON text.
func (b *Builder) Payload(text string) *Builder {
	b.contract.Payload = &text
	return b
}

// X509 lets the device show a certificate with these facts; nil stands for one that cannot be parsed.
func (b *Builder) X509(facts *berth.Certificate) *Builder {
	encoded := "MIIB"
	b.contract.Attestation = berth.Attestation{X509: &berth.X509{ClientCertificate: &encoded, Facts: facts}}
	return b
}

// TPM lets the device show a TPM with this endorsement key, base64.
func (b *Builder) TPM(endorsementKey string) *Builder {
	b.contract.Attestation = berth.Attestation{TPM: &berth.TPM{EndorsementKey: &endorsementKey}}
	return b
}

// Build makes the request.
func (b *Builder) Build() *berth.Request { return berth.NewRequest(b.contract) }

// Host plays the part of Berth for a policy under test. Hosts nest, and leave nothing behind.
type Host struct {
	settings string
	tables   map[string]map[string]json.RawMessage
	most     int
	lookups  int
	log      []Line
}

// Line is one line of the policy's log.
type Line struct {
	Level   berth.Level
	Message string
}

// NewHost is a host without settings and tables.
func NewHost() *Host {
	return &Host{settings: "{}", tables: map[string]map[string]json.RawMessage{}, most: -1}
}

// WithSettings gives the policy these settings: a JSON object.
func (h *Host) WithSettings(text string) *Host {
	h.settings = text
	return h
}

// WithTable gives the policy a table from the text of its JSON file: an object with a member for each row.
func (h *Host) WithTable(name, text string) *Host {
	var rows map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &rows); err != nil {
		panic(fmt.Sprintf("table `%s` is not a JSON object: %v", name, err))
	}
	h.tables[name] = rows
	return h
}

// WithMaxLookups limits the look-ups of one run. Without this there is no limit.
func (h *Host) WithMaxLookups(most int) *Host {
	h.most = most
	return h
}

// Run runs a function, usually a policy's, with this host around it.
func (h *Host) Run(policy func()) {
	h.lookups = 0
	before := berth.ExchangeHost((*inner)(h))
	defer berth.ExchangeHost(before)
	policy()
}

// Log is what the policy has logged so far, in order, over all runs.
func (h *Host) Log() []Line { return h.log }

type inner Host

func (h *inner) Write(level berth.Level, message string) { h.log = append(h.log, Line{level, message}) }

func (h *inner) Settings() string { return h.settings }

func (h *inner) Lookup(table, key string) (string, bool, error) {
	if h.most >= 0 && h.lookups >= h.most {
		return "", false, berth.ErrTooManyLookups
	}
	h.lookups++
	rows, there := h.tables[table]
	if !there {
		return "", false, berth.ErrNoSuchTable
	}
	row, found := rows[key]
	return string(row), found, nil
}
