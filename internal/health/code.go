// Package health speaks with whoever decides about a person's right to ride
// for health's sake. In 2020 that was the Ministry of Health through HES codes
// (Hayat Eve Sığar); the part is a plug, and an entitlement authority (student,
// 65+, disabled, resident) is the same kind of thing.
package health

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"turnike/internal/fault"
)

// CodeLen is the number of letters and digits of a HES code, shown as
// XXXX-XXXX-XX.
const CodeLen = 10

// Faults of codes. The first two are about shape, the others are the
// authority's own verdicts (hescodenotfound, hescodehasbeenexpired).
var (
	ErrCodeMissing = fault.New(fault.Invalid, "hes.missing")
	ErrCodeShape   = fault.New(fault.Invalid, "hes.shape")
	ErrCodeUnknown = fault.New(fault.Invalid, "hes.unknown")
	ErrCodeExpired = fault.New(fault.Invalid, "hes.expired")
	// ErrNotTheirs: code and person do not belong together.
	ErrNotTheirs = fault.New(fault.Invalid, "hes.not_theirs")
)

// Code is a HES code: a bearer secret, opaque, upper case. It prints masked.
type Code struct{ s string }

// ParseCode reads a code as typed, pasted or scanned: dashes, dots and blanks
// are dropped and ASCII letters raised (a code knows no dotted I; ı and İ
// typed on a Turkish keyboard are read as I). Scanned text may carry a prefix
// up to a bar: what follows it is the code, and of any longer text with
// a separator the last ten characters are.
func ParseCode(s string) (Code, error) {
	prefixed := strings.ContainsAny(s, scanned)
	var b strings.Builder
	for _, r := range s {
		switch {
		case r >= '0' && r <= '9', r >= 'A' && r <= 'Z':
			b.WriteRune(r)
		case r >= 'a' && r <= 'z':
			b.WriteRune(r - 'a' + 'A')
		case r == 'ı' || r == 'İ':
			b.WriteByte('I')
		case strings.ContainsRune(" \t\r\n-–—._\u00a0\u200e\u200f"+scanned, r):
		default:
			return Code{}, ErrCodeShape
		}
	}
	c := b.String()
	if c == "" {
		return Code{}, ErrCodeMissing
	}
	if prefixed && len(c) > CodeLen {
		c = c[len(c)-CodeLen:]
	}
	if len(c) != CodeLen {
		return Code{}, ErrCodeShape
	}
	return Code{c}, nil
}

// scanned are the signs that set a code apart in text around it: what a QR
// image holds is not published, an address or a prefix is likely.
const scanned = "|:=/?&#;,"

// RestoreCode gives back a code that was checked before it was stored.
func RestoreCode(s string) Code { return Code{s} }

// IsZero tells whether there is no code.
func (c Code) IsZero() bool { return c.s == "" }

// Reveal gives the ten characters up.
func (c Code) Reveal() string { return c.s }

func (c Code) String() string {
	if len(c.s) != CodeLen {
		return ""
	}
	return "****-****-" + c.s[8:]
}

// LogValue keeps the code out of structured logs.
func (c Code) LogValue() slog.Value { return slog.StringValue(c.String()) }

// MarshalJSON keeps the code out of anything encoded by mistake.
func (c Code) MarshalJSON() ([]byte, error) { return []byte(`"` + c.String() + `"`), nil }

// Format masks by every verb: %d would show the field as it is.
func (c Code) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.String()) }

// Answer is what the authority says of a code. Diagnosed and contact are not
// told apart, and there is no end date (domain.md 1A): a stop is lifted by
// asking again.
type Answer struct {
	Risky       bool
	Expires     time.Time // a permanent code comes back with a date half a century away
	MaskedID    string    // 8 asterisks and the last 3 digits
	MaskedFirst string    // first 2 letters and asterisks
	MaskedLast  string
}

// Verdict is one code's result in a batch: an Answer or one of the faults
// above.
type Verdict struct {
	Answer Answer
	Err    error
}

// Authority is the health ministry's part.
type Authority interface {
	// Check asks about one code: ErrCodeUnknown, ErrCodeExpired, or another
	// error where the authority did not answer properly.
	Check(ctx context.Context, c Code) (Answer, error)
	// CheckMany asks about many, in batches of the authority's own size. An
	// error means the whole call failed; verdicts are keyed by code.
	CheckMany(ctx context.Context, cs []Code) (map[Code]Verdict, error)
}
