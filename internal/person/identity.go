// Package person knows who a card can belong to: identity numbers, names,
// birth dates and phones as they are written in Turkey, checked at the door
// and masked from then on. Only Reveal gives a value up, so a search for
// Reveal lists every place that handles one.
package person

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
	"unicode"

	"turnike/internal/fault"
)

// DocKind is the sort of document an identity number comes from.
type DocKind uint8

// The documents the forms accept (seed 004: T.C. number, YKN residence number
// or a foreign passport).
const (
	NoDoc    DocKind = iota
	TCKN             // T.C. kimlik numarası, 11 digits, of a citizen
	YKN              // yabancı kimlik numarası, 11 digits beginning 99, of a resident foreigner
	Passport         // foreign passport, letters and digits, with its country
)

var docNames = [...]string{"", "tckn", "ykn", "passport"}

func (k DocKind) String() string {
	if int(k) < len(docNames) {
		return docNames[k]
	}
	return "?"
}

// ParseDocKind reads the word a city file or an API caller uses.
func ParseDocKind(s string) (DocKind, bool) {
	for k, n := range docNames {
		if k > 0 && n == s {
			return DocKind(k), true
		}
	}
	return NoDoc, false
}

// Faults of identity numbers; each says what to do in the catalogue.
var (
	ErrIDMissing       = fault.New(fault.Invalid, "id.missing")
	ErrIDLength        = fault.New(fault.Invalid, "id.length")   // not 11 digits
	ErrIDDigits        = fault.New(fault.Invalid, "id.digits")   // something that is not a digit
	ErrIDChecksum      = fault.New(fault.Invalid, "id.checksum") // mistyped
	ErrIDNotYKN        = fault.New(fault.Invalid, "id.not_ykn")  // the city takes only foreigner numbers here
	ErrIDNotTCKN       = fault.New(fault.Invalid, "id.not_tckn")
	ErrPassportMissing = fault.New(fault.Invalid, "passport.missing")
	ErrPassportShape   = fault.New(fault.Invalid, "passport.shape")
)

// ID is an identity number with the document it comes from. It prints masked.
type ID struct {
	kind   DocKind
	number string
}

// ParseTCKN reads a T.C. identity or foreigner number as typed: blanks around
// and inside are dropped, Arabic-Indic digits are read. A number beginning 99
// is a foreigner's (YKN).
func ParseTCKN(s string) (ID, error) {
	s = digits(s)
	switch {
	case s == "":
		return ID{}, ErrIDMissing
	case strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' }) >= 0:
		return ID{}, ErrIDDigits
	case len(s) != 11:
		return ID{}, ErrIDLength
	case !checksumOK(s):
		return ID{}, ErrIDChecksum
	}
	if strings.HasPrefix(s, "99") {
		return ID{YKN, s}, nil
	}
	return ID{TCKN, s}, nil
}

// checksumOK holds the two check digits of a T.C. number: with odd the sum of
// digits 1,3,5,7,9 and even of 2,4,6,8, d10 = (7*odd - even) mod 10 and
// d11 = (d1+..+d10) mod 10. The remainder is brought back above zero: Go's is
// signed, and for about one number in nine thousand 7*odd is less than even.
func checksumOK(s string) bool {
	if s[0] == '0' {
		return false
	}
	var d [11]int
	for i := range d {
		d[i] = int(s[i] - '0')
	}
	odd := d[0] + d[2] + d[4] + d[6] + d[8]
	even := d[1] + d[3] + d[5] + d[7]
	if ((7*odd-even)%10+10)%10 != d[9] {
		return false
	}
	return (odd+even+d[9])%10 == d[10]
}

// ParsePassport reads a passport number as typed: 5 to 15 ASCII letters and
// digits, at least one digit, blanks and dashes dropped, upper case. No state
// publishes a rule that holds for all, so nothing more is asked.
func ParsePassport(s string) (ID, error) {
	var b strings.Builder
	digit := false
	for _, r := range strings.TrimSpace(s) {
		switch {
		case r == ' ' || r == '-' || r == '\u00a0':
			continue
		case r >= '0' && r <= '9':
			digit = true
			b.WriteRune(r)
		case r >= 'A' && r <= 'Z':
			b.WriteRune(r)
		case r >= 'a' && r <= 'z':
			b.WriteRune(r - 'a' + 'A') // ASCII casing: a passport knows no dotted I
		default:
			return ID{}, ErrPassportShape
		}
	}
	n := b.String()
	switch {
	case n == "":
		return ID{}, ErrPassportMissing
	case len(n) < 5 || len(n) > 15 || !digit:
		return ID{}, ErrPassportShape
	}
	return ID{Passport, n}, nil
}

// RestoreID gives back an ID that was checked before it was stored.
func RestoreID(k DocKind, number string) ID { return ID{k, number} }

// Kind is the document the number comes from.
func (id ID) Kind() DocKind { return id.kind }

// IsZero tells whether there is no number.
func (id ID) IsZero() bool { return id.number == "" }

// Reveal gives the number up: to seal it, to index it, to ask the register.
func (id ID) Reveal() string { return id.number }

// Last is the last n characters, for people who must tell two records apart.
func (id ID) Last(n int) string {
	if len(id.number) < n {
		return ""
	}
	return id.number[len(id.number)-n:]
}

func (id ID) String() string {
	if id.number == "" {
		return ""
	}
	return strings.Repeat("*", max(len(id.number)-2, 0)) + id.Last(2)
}

// LogValue keeps the number out of structured logs.
func (id ID) LogValue() slog.Value { return slog.StringValue(id.String()) }

// MarshalJSON keeps the number out of anything encoded by mistake.
func (id ID) MarshalJSON() ([]byte, error) { return []byte(`"` + id.String() + `"`), nil }

// Format masks by every verb: %d would show the field as it is.
func (id ID) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, id.String()) }

// digits drops blanks and dashes and reads every script's decimal digits as
// ASCII, so that a number typed on an Arabic keyboard is the number.
func digits(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case unicode.IsSpace(r) || r == '-' || r == '\u200e' || r == '\u200f' || unicode.Is(unicode.Cf, r):
		case unicode.Is(unicode.Nd, r):
			b.WriteByte(byte('0' + digitValue(r)))
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// digitValue is the value of a decimal digit: Unicode lays each script's ten
// digits side by side, starting at a code point whose value is zero.
func digitValue(r rune) int {
	if r <= '9' {
		return int(r - '0')
	}
	for _, t := range unicode.Nd.R16 {
		if rune(t.Lo) <= r && r <= rune(t.Hi) {
			return int(r-rune(t.Lo)) % 10
		}
	}
	for _, t := range unicode.Nd.R32 {
		if rune(t.Lo) <= r && r <= rune(t.Hi) {
			return int(r-rune(t.Lo)) % 10
		}
	}
	return 0
}

// Digits is digits for the neighbours that read numbers as typed (cards,
// codes).
func Digits(s string) string { return digits(s) }
