package berth

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// HubScore is how much a key prefers a hub: the hub with the highest score wins.
//
// The recipe is that of the Rust SDK (guest-sdk/src/rendezvous.rs), to the bit: a policy rewritten in another language
// leaves every device where it is.
func HubScore(key, hub string, weight float64) float64 {
	if !(weight > 0) || math.IsInf(weight, 0) {
		return math.Inf(-1)
	}
	hash := xxh64([]byte(lower(key) + "\x00" + lower(hub)))
	unit := (float64(hash>>12) + 0.5) / (1 << 52)
	return weight / -logarithm(unit)
}

// best is, of equal scores, the hub whose lower-case name comes first.
func best(key string, hubs []string, weight func(string) float64) (found string, any bool) {
	highest := math.Inf(-1)
	for _, hub := range hubs {
		score := HubScore(key, hub, weight(hub))
		if math.IsInf(score, -1) {
			continue
		}
		if !any || score > highest || (score == highest && lower(hub) < lower(found)) {
			found, highest, any = hub, score, true
		}
	}
	return found, any
}

// logarithm is the natural logarithm as the recipe has it: a library's may differ from machine to machine in the last bit.
// The conversions keep a compiler from making one operation of a multiplication and an addition.
func logarithm(x float64) float64 {
	pattern := math.Float64bits(x)
	exponent := int(pattern>>52) - 1023
	mantissa := math.Float64frombits(pattern&(1<<52-1) | 1023<<52)
	if mantissa > math.Sqrt2 {
		mantissa /= 2
		exponent++
	}
	s := (mantissa - 1) / (mantissa + 1)
	square := s * s
	series := 0.0
	for k := 11; k >= 0; k-- {
		series = float64(series*square) + 1/float64(2*k+1)
	}
	return float64(float64(exponent)*math.Ln2) + float64(2*s*series)
}

const (
	prime1 uint64 = 0x9e3779b185ebca87
	prime2 uint64 = 0xc2b2ae3d27d4eb4f
	prime3 uint64 = 0x165667b19e3779f9
	prime4 uint64 = 0x85ebca77c2b2ae63
	prime5 uint64 = 0x27d4eb2f165667c5
)

func mix(lane, word uint64) uint64 { return bits.RotateLeft64(lane+word*prime2, 31) * prime1 }

// xxh64 is XXH64 with seed 0, as its published description has it.
func xxh64(data []byte) uint64 {
	length := uint64(len(data))
	hash := prime5
	if len(data) >= 32 {
		one := prime1
		lanes := [4]uint64{one + prime2, prime2, 0, -one}
		for ; len(data) >= 32; data = data[32:] {
			for lane := range lanes {
				lanes[lane] = mix(lanes[lane], binary.LittleEndian.Uint64(data[8*lane:]))
			}
		}
		hash = bits.RotateLeft64(lanes[0], 1) + bits.RotateLeft64(lanes[1], 7) +
			bits.RotateLeft64(lanes[2], 12) + bits.RotateLeft64(lanes[3], 18)
		for _, lane := range lanes {
			hash = (hash^mix(0, lane))*prime1 + prime4
		}
	}
	hash += length
	for ; len(data) >= 8; data = data[8:] {
		hash = bits.RotateLeft64(hash^mix(0, binary.LittleEndian.Uint64(data)), 27)*prime1 + prime4
	}
	if len(data) >= 4 {
		hash = bits.RotateLeft64(hash^uint64(binary.LittleEndian.Uint32(data))*prime1, 23)*prime2 + prime3
		data = data[4:]
	}
	for _, b := range data {
		hash = bits.RotateLeft64(hash^uint64(b)*prime5, 11) * prime1
	}
	hash = (hash ^ hash>>33) * prime2
	hash = (hash ^ hash>>29) * prime3
	return hash ^ hash>>32
}
