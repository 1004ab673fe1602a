package berth

import "maps"

// Decision is a policy's answer for one device.
type Decision struct {
	// Hub is the host name it goes to, as it was given.
	Hub string
	// InitialTwin is the first twin; nil leaves the enrollment's own in force.
	InitialTwin *Twin
	// Reply is what the device hears, if anything.
	Reply Object
	// Reasons say why, in the order they were noted.
	Reasons []string
}

// To sends the device to this hub: one of the request's linked hubs, in any case.
func To(hub string) *Decision { return &Decision{Hub: hub} }

// Twin gives the device this first twin in place of the enrollment's. DPS uses it on a first assignment, and on a move
// under a reprovision policy that resets the device's data.
func (d *Decision) Twin(twin *Twin) *Decision {
	d.InitialTwin = twin
	return d
}

// Payload lets the device hear this. DPS hands it over in every case.
func (d *Decision) Payload(members Object) *Decision {
	d.Reply = members
	return d
}

// Because notes why, in one short machine-readable word such as `model-known`. For Berth's log; it never reaches the device.
func (d *Decision) Because(reason string) *Decision {
	d.Reasons = append(d.Reasons, reason)
	return d
}

// Twin is a device's first twin.
type Twin struct {
	Tags, DesiredProperties Object
}

// NewTwin is a twin with neither tags nor desired properties.
func NewTwin() *Twin { return &Twin{Object{}, Object{}} }

// Tag sets one tag. A device never sees its tags.
func (t *Twin) Tag(name string, value any) *Twin {
	t.Tags[name] = value
	return t
}

// Desired sets one desired property.
func (t *Twin) Desired(name string, value any) *Twin {
	t.DesiredProperties[name] = value
	return t
}

// WithTags sets every member as a tag, over tags of the same names.
func (t *Twin) WithTags(members Object) *Twin {
	maps.Copy(t.Tags, members)
	return t
}

// WithDesired sets every member as a desired property, over properties of the same names.
func (t *Twin) WithDesired(members Object) *Twin {
	maps.Copy(t.DesiredProperties, members)
	return t
}

// texts are tags, desired properties and payload as JSON. What has no members is left out, as DPS leaves it out.
func (d *Decision) texts() (tags, desired, payload *string) {
	members := func(object Object) *string {
		if len(object) == 0 {
			return nil
		}
		text := write(object)
		return &text
	}
	if d.InitialTwin != nil {
		tags, desired = members(d.InitialTwin.Tags), members(d.InitialTwin.DesiredProperties)
	}
	if d.Reply != nil {
		text := write(d.Reply)
		payload = &text
	}
	return tags, desired, payload
}
