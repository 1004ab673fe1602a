package berth

// Reads what crosses from Berth: see component_wasip1.go for how it is laid out.

import "unsafe"

// cursor walks over fields. What it reads is copied, so that nothing hangs on memory of the other side.
type cursor struct{ at unsafe.Pointer }

func newCursor(at unsafe.Pointer) *cursor { return &cursor{at} }

func (c *cursor) skip(bytes uintptr) { c.at = unsafe.Add(c.at, bytes) }

func (c *cursor) align() {
	if past := uintptr(c.at) % 4; past != 0 {
		c.skip(4 - past)
	}
}

func (c *cursor) byte() byte {
	value := *(*byte)(c.at)
	c.skip(1)
	return value
}

func (c *cursor) word() uint32 {
	c.align()
	value := *(*uint32)(c.at)
	c.skip(4)
	return value
}

func (c *cursor) text() string {
	address, length := c.word(), c.word()
	if length == 0 {
		return ""
	}
	return string(unsafe.Slice((*byte)(unsafe.Pointer(uintptr(address))), length))
}

// variant reads the case of a variant whose payload has so many bytes, lets a function read the payload, and goes on behind.
func (c *cursor) variant(payload uintptr, read func(which byte, c *cursor)) {
	c.align()
	which := c.byte()
	c.align()
	end := unsafe.Add(c.at, payload)
	read(which, c)
	c.at = end
}

// optional reads an option whose value has so many bytes and a word's alignment.
func (c *cursor) optional(value uintptr, read func(c *cursor)) {
	c.variant(value, func(which byte, c *cursor) {
		if which != 0 {
			read(c)
		}
	})
}

func (c *cursor) option() (value *string) {
	c.optional(8, func(c *cursor) {
		text := c.text()
		value = &text
	})
	return value
}

func (c *cursor) texts() []string {
	address, length := c.word(), c.word()
	items := newCursor(unsafe.Pointer(uintptr(address)))
	texts := make([]string, length)
	for i := range texts {
		texts[i] = items.text()
	}
	return texts
}

// named reads a variant of words, the last of which carries a text of its own.
func (c *cursor) named(names ...string) (name string) {
	c.variant(8, func(which byte, c *cursor) {
		if int(which) < len(names) {
			name = names[which]
		} else {
			name = c.text()
		}
	})
	return name
}

func readRequest(c *cursor) (request Contract) {
	request.RegistrationID = c.text()
	c.variant(20, func(which byte, c *cursor) {
		request.Assignment = Assignment(which)
		if request.Assignment != First {
			hub := c.text()
			request.CurrentHub, request.CurrentDeviceID = &hub, c.option()
		}
	})
	request.Attestation = readAttestation(c)
	request.Payload = c.option()
	request.Enrollment = readEnrollment(c)
	request.LinkedHubs = c.texts()
	request.RuntimeContext = c.text()
	return request
}

const certificateBytes = 88

func readAttestation(c *cursor) (attestation Attestation) {
	c.variant(12+4+certificateBytes, func(which byte, c *cursor) {
		switch which {
		case 1:
			attestation.X509 = &X509{ClientCertificate: c.option()}
			c.optional(certificateBytes, func(c *cursor) { attestation.X509.Facts = readCertificate(c) })
		case 2:
			attestation.TPM = &TPM{EndorsementKey: c.option(), StorageRootKey: c.option()}
		}
	})
	return attestation
}

func readCertificate(c *cursor) *Certificate {
	facts := &Certificate{Subject: c.text(), SubjectCommonName: c.option(), Issuer: c.text(), IssuerCommonName: c.option()}
	address, length := c.word(), c.word()
	items := newCursor(unsafe.Pointer(uintptr(address)))
	for range length {
		items.variant(8, func(which byte, c *cursor) {
			kind := [...]string{"dns", "uri", "email", "ip"}[which]
			facts.SubjectAlternativeNames = append(facts.SubjectAlternativeNames, AlternativeName{kind, c.text()})
		})
	}
	facts.SerialNumber, facts.NotBefore, facts.NotAfter = c.text(), c.text(), c.text()
	facts.SHA1Thumbprint, facts.SHA256Thumbprint = c.text(), c.text()
	return facts
}

func readEnrollment(c *cursor) (enrollment Enrollment) {
	c.variant(44, func(which byte, c *cursor) {
		text := c.text()
		if which != 0 {
			enrollment.Group = &text
			return
		}
		enrollment.Individual = &Individual{text, c.option(), c.option(), c.option()}
	})
	enrollment.AttestationKind = c.named("symmetric-key", "x509", "tpm", "none")
	if has, value := c.byte(), c.byte(); has != 0 {
		edge := value != 0
		enrollment.IoTEdge = &edge
	}
	enrollment.IoTHubHostName = c.option()
	c.optional(24, func(c *cursor) { enrollment.InitialTwin = &InitialTwin{c.option(), c.option()} })
	enrollment.ETag = c.option()
	c.optional(12, func(c *cursor) {
		status := c.named("enabled", "disabled")
		enrollment.ProvisioningStatus = &status
	})
	if has, update, migrate := c.byte(), c.byte(), c.byte(); has != 0 {
		enrollment.ReprovisionPolicy = &ReprovisionPolicy{update != 0, migrate != 0}
	}
	enrollment.CreatedDateTimeUTC, enrollment.LastUpdatedDateTimeUTC = c.option(), c.option()
	c.optional(12, func(c *cursor) {
		policy := c.named("hashed", "geo-latency", "static", "custom")
		enrollment.AllocationPolicy = &policy
	})
	enrollment.IoTHubs = c.texts()
	c.optional(16, func(c *cursor) {
		enrollment.CustomAllocationDefinition = &CustomAllocationDefinition{c.text(), c.text()}
	})
	enrollment.CredentialPolicyName = c.option()
	enrollment.Document = c.text()
	return enrollment
}
