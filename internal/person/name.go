package person

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"
	"golang.org/x/text/unicode/norm"

	"turnike/internal/fault"
)

// MaxName is the most letters a given or family name may have; the longest
// seen on Turkish documents is well under it.
const MaxName = 60

// Faults of names.
var (
	ErrNameMissing = fault.New(fault.Invalid, "name.missing")
	ErrNameLong    = fault.New(fault.Invalid, "name.long")
	ErrNameLetters = fault.New(fault.Invalid, "name.letters") // not Turkish or Latin letters
	ErrNameHidden  = fault.New(fault.Invalid, "name.hidden")  // invisible direction marks, broken text
)

// Name is a given or family name in Turkish or Latin letters, as on the
// document (seed 004: "exclusively in Turkish or English"). It prints masked.
type Name struct{ s string }

// ParseName reads a name as typed: composed, ligatures that copied text brings
// along taken apart (NFKC; ﬁ has no Turkish upper case), blanks folded to one.
// Marks that turn text around (bidi controls) are refused, not dropped: a name
// that carries them was not typed by its owner.
func ParseName(s string) (Name, error) {
	if !utf8.ValidString(s) || strings.ContainsRune(s, utf8.RuneError) {
		return Name{}, ErrNameHidden
	}
	s = norm.NFKC.String(s)
	s = strings.Join(strings.Fields(s), " ")
	if s == "" {
		return Name{}, ErrNameMissing
	}
	if utf8.RuneCountInString(s) > MaxName {
		return Name{}, ErrNameLong
	}
	for _, r := range s {
		switch {
		case unicode.Is(unicode.Latin, r), r == ' ', r == '-', r == '\'', r == '’', r == '.':
		case unicode.Is(unicode.Cf, r) || unicode.IsControl(r):
			return Name{}, ErrNameHidden
		default:
			return Name{}, ErrNameLetters
		}
	}
	if strings.IndexFunc(s, unicode.IsLetter) < 0 {
		return Name{}, ErrNameLetters
	}
	return Name{s}, nil
}

// RestoreName gives back a name that was checked before it was stored.
func RestoreName(s string) Name { return Name{s} }

// IsZero tells whether there is no name.
func (n Name) IsZero() bool { return n.s == "" }

// Reveal gives the name up as typed.
func (n Name) Reveal() string { return n.s }

// RevealUpper is the name as registers hold it: upper case by Turkish rules,
// i becomes İ and ı becomes I.
func (n Name) RevealUpper() string { return cases.Upper(language.Turkish).String(n.s) }

func (n Name) String() string {
	if n.s == "" {
		return ""
	}
	r, _ := utf8.DecodeRuneInString(n.s)
	return string(r) + "***"
}

// LogValue keeps the name out of structured logs.
func (n Name) LogValue() slog.Value { return slog.StringValue(n.String()) }

// MarshalJSON keeps the name out of anything encoded by mistake.
func (n Name) MarshalJSON() ([]byte, error) { return []byte(`"` + n.String() + `"`), nil }

// Format masks by every verb: %d would show the field as it is.
func (n Name) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, n.String()) }

// Fold is the search key of a Turkish text: every way of writing the same name
// gives the same key (İ, I, ı, i are one; ş and s, ğ and g, ... are one), since
// clerks, registers and phones each get the dots wrong in their own way.
func Fold(s string) string {
	var b strings.Builder
	for _, r := range norm.NFKD.String(s) {
		switch r {
		case 'İ', 'I', 'ı', 'i':
			b.WriteByte('i')
			continue
		case '\'', '’', '-', '.':
			continue
		}
		if unicode.Is(unicode.Mn, r) {
			continue
		}
		r = unicode.ToLower(r)
		switch r {
		case 'ø':
			r = 'o'
		case 'ł':
			r = 'l'
		case 'đ':
			r = 'd'
		case 'ß':
			b.WriteString("ss")
			continue
		case 'æ':
			b.WriteString("ae")
			continue
		}
		b.WriteRune(r)
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// FitsMask tells whether a value fits the masked form the ministry returns:
// names as their first two letters and asterisks, numbers as asterisks and
// their last three digits (domain.md 1A). Blanks around the mask are ignored;
// letters are compared folded. An empty mask fits nothing.
func FitsMask(value, mask string) bool {
	mask = strings.TrimSpace(mask)
	first := strings.IndexByte(mask, '*')
	last := strings.LastIndexByte(mask, '*')
	if mask == "" {
		return false
	}
	if first < 0 {
		return Fold(value) == Fold(mask)
	}
	head, tail := Fold(mask[:first]), Fold(mask[last+1:])
	if head == "" && tail == "" {
		return false
	}
	v := Fold(value)
	return len(v) >= len(head)+len(tail) && strings.HasPrefix(v, head) && strings.HasSuffix(v, tail)
}
