package berth

import "strings"

// Hubs are linked hubs, as many of them as passed the conditions so far.
//
// Conditions look at the first label of a host name, or at all of it if what they look for has a dot. None of them regards
// case. A choice among nothing is an error that rejects the device.
type Hubs struct {
	linked, left, conditions []string
}

// HubMatches is whether a host name is the hub meant: by its whole host name, or by its first label.
func HubMatches(hostName, wanted string) bool {
	return lower(comparable(hostName, wanted)) == lower(wanted)
}

// comparable is the part of a host name to hold against what is wanted.
func comparable(hostName, wanted string) string {
	if strings.Contains(wanted, ".") {
		return hostName
	}
	label, _, _ := strings.Cut(hostName, ".")
	return label
}

// lower makes the letters A to Z lower-case, and no others.
func lower(text string) string {
	return strings.Map(func(letter rune) rune {
		if letter >= 'A' && letter <= 'Z' {
			return letter + 32
		}
		return letter
	}, text)
}

// StartingWith are those whose name starts with a prefix.
func (h Hubs) StartingWith(prefix string) Hubs {
	return h.narrow("starts with", prefix, strings.HasPrefix)
}

// EndingWith are those whose name ends with a suffix.
func (h Hubs) EndingWith(suffix string) Hubs { return h.narrow("ends with", suffix, strings.HasSuffix) }

// Containing are those whose name contains a word.
func (h Hubs) Containing(word string) Hubs { return h.narrow("contains", word, strings.Contains) }

// Named is the hub of this name: a whole host name, or just its first label.
func (h Hubs) Named(name string) (string, error) {
	for _, hostName := range h.left {
		if HubMatches(hostName, name) {
			return hostName, nil
		}
	}
	return "", h.nothingLeft(" named `" + name + "`")
}

// First is the first hub left, in DPS's order.
func (h Hubs) First() (string, error) {
	if len(h.left) == 0 {
		return "", h.nothingLeft("")
	}
	return h.left[0], nil
}

// Spread is the hub that a key prefers, by rendezvous hash: always the same one while it is there, and evenly spread over
// many keys.
func (h Hubs) Spread(key string) (string, error) {
	hub, found := best(key, h.left, func(string) float64 { return 1 })
	if !found {
		return "", h.nothingLeft("")
	}
	return hub, nil
}

// SpreadWeighted is the same, each hub getting a share in proportion to its weight. One without a weight above zero gets
// nothing.
func (h Hubs) SpreadWeighted(key string, weight func(hub string) float64) (string, error) {
	hub, found := best(key, h.left, weight)
	if !found {
		return "", h.nothingLeft(" with a weight above zero")
	}
	return hub, nil
}

// All are the host names left, in DPS's order and spelling.
func (h Hubs) All() []string { return h.left }

func (h Hubs) narrow(verb, wanted string, test func(name, wanted string) bool) Hubs {
	narrowed := Hubs{linked: h.linked, conditions: append(h.conditions[:len(h.conditions):len(h.conditions)], verb+" `"+wanted+"`")}
	for _, hostName := range h.left {
		if test(lower(comparable(hostName, wanted)), lower(wanted)) {
			narrowed.left = append(narrowed.left, hostName)
		}
	}
	return narrowed
}

func (h Hubs) nothingLeft(wish string) error {
	wanted := "hub"
	if len(h.conditions) > 0 {
		wanted += " whose name " + strings.Join(h.conditions, " and ")
	}
	return failure(NoHub, "no linked %s%s; linked: %s", wanted, wish, strings.Join(h.linked, ", "))
}
