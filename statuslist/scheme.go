package statuslist

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
)

// Check is how a scheme's printed number proves itself before it is looked up.
type Check uint8

const (
	// CheckNone: every digit is payload.
	CheckNone Check = iota
	// CheckLuhn: the last digit makes the Luhn sum a multiple of ten.
	CheckLuhn
	// Check97: the last two digits make the whole number 1 modulo 97
	// (ISO 7064 MOD 97-10).
	Check97

	checks = 3
)

// checkDigits is how many digits at the end are not payload.
var checkDigits = [checks]int{CheckNone: 0, CheckLuhn: 1, Check97: 2}

// Scheme is one way of numbering cards. Its rules travel in the signed ranges
// table, so a gate reads numbers as the city that signed prints them.
type Scheme struct {
	// ID names the scheme in Number and Range.
	ID uint8
	// Name is for people who read the table, at most 64 bytes.
	Name string
	// Digits is the length of the printed number, check digits included; the
	// payload is at most 19 digits.
	Digits uint8
	Check  Check
	// Tagged numbers are kept as keyed tags: there is no range they come from
	// and the list must not give them away (bank cards).
	Tagged bool
	// Chips are ids of chips that come from no ranges. The list holds functions
	// of them: exact for every card the city issued, while what they say of
	// any other means nothing. Their values are tags with the highest bit set.
	Chips bool
}

// chipBit is set in every chip's value, and in no card's index.
const chipBit = 1 << 63

const (
	maxPayload    = 19
	maxSchemeName = 64
)

func (s Scheme) validate() error {
	switch {
	case s.Check >= checks:
		return fmt.Errorf("scheme %d: unknown check rule %d", s.ID, s.Check)
	case len(s.Name) > maxSchemeName:
		return fmt.Errorf("scheme %d: name longer than %d bytes", s.ID, maxSchemeName)
	}
	if s.Tagged && s.Chips {
		return fmt.Errorf("scheme %d: tagged or chips, not both", s.ID)
	}
	payload := int(s.Digits) - checkDigits[s.Check]
	if payload < 1 || payload > maxPayload {
		return fmt.Errorf("scheme %d: payload of %d digits, want 1 to %d", s.ID, payload, maxPayload)
	}
	return nil
}

// Parse reads a printed number of exactly the scheme's digits. Tagged schemes
// and those of chips need the city's tag key; the others ignore it. It does
// not allocate.
func (s Scheme) Parse(digits []byte, tagKey *TagKey) (Number, bool) {
	if len(digits) != int(s.Digits) {
		return Number{}, false
	}
	payload := digits[:len(digits)-checkDigits[s.Check]]
	var value uint64
	for _, d := range payload {
		if d -= '0'; d > 9 {
			return Number{}, false
		} else {
			value = value*10 + uint64(d)
		}
	}
	if !s.proves(digits, value) {
		return Number{}, false
	}
	if !s.Tagged && !s.Chips {
		return Number{Scheme: s.ID, Value: value}, true
	}
	if tagKey == nil {
		return Number{}, false
	}
	tag := tagKey.Tag(s.ID, payload)
	if s.Chips {
		tag |= chipBit
	}
	return Number{Scheme: s.ID, Value: tag}, true
}

func (s Scheme) proves(digits []byte, payload uint64) bool {
	switch s.Check {
	case CheckLuhn:
		last := digits[len(digits)-1]
		return last >= '0' && last <= '9' && int(last-'0') == luhn(payload)
	case Check97:
		a, b := digits[len(digits)-2]-'0', digits[len(digits)-1]-'0'
		return a <= 9 && b <= 9 && int(a)*10+int(b) == mod97(payload)
	}
	return true
}

// Format prints a decimal number of the scheme, check digits included; it is
// the reverse of Parse. ok is false if the value is too long for the scheme
// or the scheme keeps tags.
func (s Scheme) Format(value uint64) (digits string, ok bool) {
	if s.Tagged || s.Chips || s.validate() != nil {
		return "", false
	}
	payload := int(s.Digits) - checkDigits[s.Check]
	digits = fmt.Sprintf("%0*d", payload, value)
	if len(digits) != payload {
		return "", false
	}
	switch s.Check {
	case CheckLuhn:
		digits += string(rune('0' + luhn(value)))
	case Check97:
		digits += fmt.Sprintf("%02d", mod97(value))
	}
	return digits, true
}

// luhn gives the check digit of a payload.
func luhn(v uint64) int {
	sum := 0
	for double := true; v > 0; v, double = v/10, !double {
		d := int(v % 10)
		if double {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return (10 - sum%10) % 10
}

// mod97 gives the two check digits of a payload: 98 minus 100 times it.
func mod97(v uint64) int { return 98 - int(v%97*100%97) }

// TagKey turns numbers that have no range into tags: HMAC-SHA256 of the
// scheme and the payload digits, cut to 64 bits. Whoever holds it can try
// numbers against the list, so it stays in the gates and the server.
type TagKey struct{ inner, outer [sha256.BlockSize]byte }

// NewTagKey takes a secret of at least 16 and at most 64 bytes.
func NewTagKey(secret []byte) (*TagKey, error) {
	if len(secret) < 16 || len(secret) > sha256.BlockSize {
		return nil, fmt.Errorf("tag key of %d bytes, want 16 to %d", len(secret), sha256.BlockSize)
	}
	k := new(TagKey)
	copy(k.inner[:], secret)
	copy(k.outer[:], secret)
	for i := range k.inner {
		k.inner[i] ^= 0x36
		k.outer[i] ^= 0x5c
	}
	return k, nil
}

// Tag computes HMAC by hand because crypto/hmac allocates and this runs at
// every tap. digits is cut to 32.
func (k *TagKey) Tag(scheme uint8, digits []byte) uint64 {
	var in [sha256.BlockSize + 1 + 32]byte
	copy(in[:], k.inner[:])
	in[sha256.BlockSize] = scheme
	n := copy(in[sha256.BlockSize+1:], digits)
	inner := sha256.Sum256(in[:sha256.BlockSize+1+n])
	var out [sha256.BlockSize + sha256.Size]byte
	copy(out[:], k.outer[:])
	copy(out[sha256.BlockSize:], inner[:])
	sum := sha256.Sum256(out[:])
	return binary.BigEndian.Uint64(sum[:])
}
