package person

import (
	"fmt"
	"io"
	"log/slog"
	"net/mail"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/nyaruka/phonenumbers"

	"turnike/internal/fault"
)

// Faults of phones, e-mails and birth dates.
var (
	ErrPhoneMissing = fault.New(fault.Invalid, "phone.missing")
	ErrPhoneShape   = fault.New(fault.Invalid, "phone.shape")
	ErrPhoneForeign = fault.New(fault.Invalid, "phone.foreign") // only Turkish mobiles get the code
	ErrPhoneLand    = fault.New(fault.Invalid, "phone.landline")
	ErrEmailMissing = fault.New(fault.Invalid, "email.missing")
	ErrEmailShape   = fault.New(fault.Invalid, "email.shape")
	ErrBirthMissing = fault.New(fault.Invalid, "birth.missing")
	ErrBirthShape   = fault.New(fault.Invalid, "birth.shape")
	ErrBirthFuture  = fault.New(fault.Invalid, "birth.future")
	ErrBirthOld     = fault.New(fault.Invalid, "birth.old")
)

// Phone is a Turkish mobile number, kept as 905XXXXXXXXX. It prints masked.
type Phone struct{ msisdn string }

// ParsePhone reads a mobile number as typed: +90, 90, 0 or bare, blanks,
// dashes and brackets anywhere. Landlines and other countries are told apart
// from nonsense, because the person must do something different.
func ParsePhone(s string) (Phone, error) {
	s = strings.Map(func(r rune) rune {
		if r == '(' || r == ')' || r == '.' || r == '/' {
			return -1
		}
		return r
	}, digits(s))
	if s == "" {
		return Phone{}, ErrPhoneMissing
	}
	if strings.HasPrefix(s, "00") {
		s = "+" + s[2:]
	} else if strings.HasPrefix(s, "90") && len(s) == 12 {
		s = "+" + s
	}
	// The library reads letters and extensions too; no code could be sent there.
	if strings.Trim(strings.TrimPrefix(s, "+"), "0123456789") != "" {
		return Phone{}, ErrPhoneShape
	}
	n, err := phonenumbers.Parse(s, "TR")
	if err != nil {
		return Phone{}, ErrPhoneShape
	}
	if n.GetCountryCode() != 90 {
		return Phone{}, ErrPhoneForeign
	}
	national := strconv.FormatUint(n.GetNationalNumber(), 10)
	switch {
	case len(national) != 10:
		return Phone{}, ErrPhoneShape
	case national[0] != '5':
		if national[0] >= '2' && national[0] <= '4' {
			return Phone{}, ErrPhoneLand
		}
		return Phone{}, ErrPhoneShape
	}
	return Phone{"90" + national}, nil
}

// RestorePhone gives back a number that was checked before it was stored.
func RestorePhone(msisdn string) Phone { return Phone{msisdn} }

// IsZero tells whether there is no number.
func (p Phone) IsZero() bool { return p.msisdn == "" }

// Reveal gives the number up as 905XXXXXXXXX.
func (p Phone) Reveal() string { return p.msisdn }

// Block is the number without its last three digits: the block of a thousand
// that SMS pumping shows itself in.
func (p Phone) Block() string {
	if len(p.msisdn) < 4 {
		return ""
	}
	return p.msisdn[:len(p.msisdn)-3]
}

func (p Phone) String() string {
	if len(p.msisdn) != 12 {
		return ""
	}
	return "0" + p.msisdn[2:3] + "** *** ** " + p.msisdn[10:]
}

// LogValue keeps the number out of structured logs.
func (p Phone) LogValue() slog.Value { return slog.StringValue(p.String()) }

// MarshalJSON keeps the number out of anything encoded by mistake.
func (p Phone) MarshalJSON() ([]byte, error) { return []byte(`"` + p.String() + `"`), nil }

// Format masks by every verb: %d would show the field as it is.
func (p Phone) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, p.String()) }

// Email is a mail address. It prints masked.
type Email struct{ s string }

// ParseEmail reads one plain address, at most 254 bytes, no display name and no
// marks that turn text around.
func ParseEmail(s string) (Email, error) {
	s = strings.TrimSpace(s)
	if s == "" {
		return Email{}, ErrEmailMissing
	}
	a, err := mail.ParseAddress(s)
	hidden := strings.IndexFunc(s, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }) >= 0
	if err != nil || a.Address != s || len(s) > 254 || hidden || !utf8.ValidString(s) {
		return Email{}, ErrEmailShape
	}
	if _, host, _ := strings.Cut(s, "@"); !strings.Contains(host, ".") || strings.HasSuffix(host, ".") {
		return Email{}, ErrEmailShape
	}
	return Email{s}, nil
}

// RestoreEmail gives back an address that was checked before it was stored.
func RestoreEmail(s string) Email { return Email{s} }

// IsZero tells whether there is no address.
func (e Email) IsZero() bool { return e.s == "" }

// Reveal gives the address up.
func (e Email) Reveal() string { return e.s }

func (e Email) String() string {
	if e.s == "" {
		return ""
	}
	_, host, _ := strings.Cut(e.s, "@")
	return "***@" + host
}

// LogValue keeps the address out of structured logs.
func (e Email) LogValue() slog.Value { return slog.StringValue(e.String()) }

// MarshalJSON keeps the address out of anything encoded by mistake.
func (e Email) MarshalJSON() ([]byte, error) { return []byte(`"` + e.String() + `"`), nil }

// Format masks by every verb: %d would show the field as it is.
func (e Email) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, e.String()) }

// Birth is a birth date without a time or zone. It prints as stars.
type Birth struct{ y, m, d int }

// ParseBirth reads day, month and year as typed in three fields. It must be a
// day that exists, not after now by the clock now is told on, and within 130
// years.
func ParseBirth(day, month, year string, now time.Time) (Birth, error) {
	day, month, year = digits(day), digits(month), digits(year)
	if day == "" && month == "" && year == "" {
		return Birth{}, ErrBirthMissing
	}
	d, err1 := strconv.Atoi(day)
	m, err2 := strconv.Atoi(month)
	y, err3 := strconv.Atoi(year)
	if err1 != nil || err2 != nil || err3 != nil || y < 1000 || y > 9999 {
		return Birth{}, ErrBirthShape
	}
	// In UTC, which has every midnight: Türkiye's clocks have leapt over some.
	t := time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC)
	ty, tm, td := now.Date()
	switch {
	case t.Year() != y || int(t.Month()) != m || t.Day() != d:
		return Birth{}, ErrBirthShape
	case t.After(time.Date(ty, tm, td, 0, 0, 0, 0, time.UTC)):
		return Birth{}, ErrBirthFuture
	case now.Year()-y > 130:
		return Birth{}, ErrBirthOld
	}
	return Birth{y, m, d}, nil
}

// ParseBirthISO reads YYYY-MM-DD, the form the API and the store use.
func ParseBirthISO(s string, now time.Time) (Birth, error) {
	s = strings.TrimSpace(s)
	if s == "" {
		return Birth{}, ErrBirthMissing
	}
	p := strings.Split(s, "-")
	if len(p) != 3 || len(s) != 10 {
		return Birth{}, ErrBirthShape
	}
	return ParseBirth(p[2], p[1], p[0], now)
}

// RestoreBirth gives back a date that was checked before it was stored.
func RestoreBirth(iso string) Birth {
	t, err := time.Parse(time.DateOnly, iso)
	if err != nil {
		return Birth{}
	}
	return Birth{t.Year(), int(t.Month()), t.Day()}
}

// IsZero tells whether there is no date.
func (b Birth) IsZero() bool { return b.y == 0 }

// Reveal gives the date up as YYYY-MM-DD.
func (b Birth) Reveal() string {
	if b.IsZero() {
		return ""
	}
	return time.Date(b.y, time.Month(b.m), b.d, 0, 0, 0, 0, time.UTC).Format(time.DateOnly)
}

// RevealParts gives year, month and day up, for registers that take them apart.
func (b Birth) RevealParts() (year, month, day int) { return b.y, b.m, b.d }

// AgeOn is the age in full years on a day. One is a year older on the birthday
// itself; who was born on 29 February is on 1 March of a common year.
func (b Birth) AgeOn(day time.Time) int {
	y, m, d := day.Date()
	age := y - b.y
	if int(m) < b.m || int(m) == b.m && d < b.d {
		age--
	}
	return age
}

func (b Birth) String() string {
	if b.IsZero() {
		return ""
	}
	return "****-**-**"
}

// LogValue keeps the date out of structured logs.
func (b Birth) LogValue() slog.Value { return slog.StringValue(b.String()) }

// MarshalJSON keeps the date out of anything encoded by mistake.
func (b Birth) MarshalJSON() ([]byte, error) { return []byte(`"` + b.String() + `"`), nil }

// Format masks by every verb: %d would show the field as it is.
func (b Birth) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, b.String()) }
