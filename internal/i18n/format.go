package i18n

import (
	"math"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/go-playground/locales"
	"github.com/go-playground/locales/ar"
	"github.com/go-playground/locales/ar_SY"
	"github.com/go-playground/locales/en"
	"github.com/go-playground/locales/tr"
	"golang.org/x/text/cases"
	"golang.org/x/text/language"
	"golang.org/x/text/unicode/norm"
)

// numbers is the locale whose separators the language uses. Arabic text here
// carries Latin digits, and with those go the separators English uses
// (CLDR ar-u-nu-latn); the ar locale would put ٬ and ٫ between Latin digits.
func (l Lang) numbers() locales.Translator {
	if l == Turkish {
		return calendars().tr
	}
	return calendars().en
}

// calendars are the locales' tables. Each is some hundred allocations to make,
// so they are made once.
var calendars = sync.OnceValue(func() (c struct{ tr, en, ar, levant locales.Translator }) {
	c.tr, c.en, c.ar, c.levant = tr.New(), en.New(), ar.New(), ar_SY.New()
	return c
})

// Number writes a whole number with the language's grouping: 34.260.087 in
// Turkish, 34,260,087 in English and Arabic.
func (l Lang) Number(n int64) string {
	sep := byte(',')
	if l == Turkish {
		sep = '.'
	}
	s := strconv.FormatInt(n, 10)
	sign := ""
	if s[0] == '-' {
		sign, s = "-", s[1:]
	}
	b := make([]byte, 0, len(s)+len(s)/3+1)
	for i := range len(s) {
		if i > 0 && (len(s)-i)%3 == 0 {
			b = append(b, sep)
		}
		b = append(b, s[i])
	}
	return sign + string(b)
}

// Decimal writes a number with so many digits after the separator.
func (l Lang) Decimal(f float64, digits int) string {
	return l.numbers().FmtNumber(f, uint64(digits))
}

// Percent writes a share (0.24 for 24 %): %24 in Turkish, 24% elsewhere.
func (l Lang) Percent(share float64, digits int) string {
	n := l.Decimal(share*100, digits)
	if l == Turkish {
		return "%" + n
	}
	return n + "%"
}

// Date writes the day of t, in t's own location: 15 Ocak 2021. Arabic gives
// the month in the names used in the Levant and in those used elsewhere, as
// newspapers read in both do; a reader in Turkey may know only one of them.
func (l Lang) Date(t time.Time) string {
	switch l {
	case English:
		return strconv.Itoa(t.Day()) + " " + calendars().en.MonthWide(t.Month()) + " " + strconv.Itoa(t.Year())
	case Arabic:
		return strconv.Itoa(t.Day()) + " " + calendars().levant.MonthWide(t.Month()) + " (" + calendars().ar.MonthWide(t.Month()) + ") " + strconv.Itoa(t.Year())
	}
	return strconv.Itoa(t.Day()) + " " + calendars().tr.MonthWide(t.Month()) + " " + strconv.Itoa(t.Year())
}

// DateShort writes the day of t in digits, alike in all three languages and
// safe in a text message: 15.01.2021.
func (l Lang) DateShort(t time.Time) string { return t.Format("02.01.2006") }

// Month is the name of a month; the Arabic one is the Levant's.
func (l Lang) Month(m time.Month) string {
	switch l {
	case English:
		return calendars().en.MonthWide(m)
	case Arabic:
		return calendars().levant.MonthWide(m)
	}
	return calendars().tr.MonthWide(m)
}

// Weekday is the day's name: Cuma, Friday, الجمعة.
func (l Lang) Weekday(t time.Time) string {
	switch l {
	case English:
		return calendars().en.WeekdayWide(t.Weekday())
	case Arabic:
		return calendars().ar.WeekdayWide(t.Weekday())
	}
	return calendars().tr.WeekdayWide(t.Weekday())
}

// DateWeekday is Date with the day's name, in the language's order.
func (l Lang) DateWeekday(t time.Time) string {
	switch l {
	case English:
		return l.Weekday(t) + " " + l.Date(t)
	case Arabic:
		return l.Weekday(t) + "، " + l.Date(t)
	}
	return l.Date(t) + " " + l.Weekday(t)
}

// Time writes the hour of t in its own location on the 24 hour clock: 14:05.
func (l Lang) Time(t time.Time) string { return t.Format("15:04") }

// DateTime is Date and Time together.
func (l Lang) DateTime(t time.Time) string {
	if l == Arabic {
		return l.Date(t) + "، " + l.Time(t)
	}
	return l.Date(t) + " " + l.Time(t)
}

// Span writes a length of time as a person would say it, in the two largest
// units that matter: "3 gün 4 saat", "12 dakika". Anything under a minute is
// one minute, so that nobody is told to wait for nothing.
func (l Lang) Span(d time.Duration) string {
	minutes := int(math.Ceil(max(d, time.Minute).Minutes()))
	days, hours, rest := minutes/(24*60), minutes/60%24, minutes%60
	var parts []string
	if days > 0 {
		parts = append(parts, N(l, "span.days", days))
	}
	if hours > 0 {
		parts = append(parts, N(l, "span.hours", hours))
	}
	if rest > 0 && days == 0 {
		parts = append(parts, N(l, "span.minutes", rest))
	}
	return strings.Join(parts, T(l, "span.join"))
}

// Upper writes s in capitals by the language's rules: in Turkish i becomes İ
// and ı becomes I, which Go's strings.ToUpper gets wrong.
func (l Lang) Upper(s string) string {
	if l == Turkish {
		return cases.Upper(language.Turkish).String(s)
	}
	return cases.Upper(language.English).String(s)
}

// Lower is the counterpart of Upper.
func (l Lang) Lower(s string) string {
	if l == Turkish {
		return cases.Lower(language.Turkish).String(s)
	}
	return cases.Lower(language.English).String(s)
}

// Fold reduces a name to the key it is searched and compared by: lower case,
// without accents, ı, I, İ and i all i, anything but letters and digits one
// blank. "AvcIlar", "AVCILAR" and "avcılar" fold alike, as they have to: real
// files spell 39 districts in 95 ways.
func Fold(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	gap := false
	for _, r := range norm.NFKD.String(s) {
		switch {
		case unicode.Is(unicode.Mn, r):
			continue
		case r == 'ı' || r == 'I':
			r = 'i'
		case r == 'ß':
			r = 's'
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			r = unicode.ToLower(r)
		default:
			gap = b.Len() > 0
			continue
		}
		if gap {
			b.WriteByte(' ')
			gap = false
		}
		b.WriteRune(r)
	}
	return b.String()
}
