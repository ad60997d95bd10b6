package assets

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"

	"turnike/internal/i18n"
)

// Theme is a city's colour as its file gives it, "#0a5c8a". The zero value is
// Turnike's own. Whatever a city chooses, text can be read: the colour is
// darkened until white on it reaches 4.5:1 (WCAG 2.2, 1.4.3), and a lighter
// relative of it serves links on dark pages.
type Theme struct{ Brand string }

// own is the product's own colour, a deep calm blue.
const own = "#1f4e79"

// NewTheme checks a colour of the form #rrggbb; an empty one is the default.
func NewTheme(brand string) (Theme, error) {
	if brand == "" {
		return Theme{}, nil
	}
	if _, err := parseColour(brand); err != nil {
		return Theme{}, err
	}
	return Theme{Brand: strings.ToLower(brand)}, nil
}

// Hex is the colour headers and buttons wear by day, after adjustment; it also
// colours the browser's own bar (theme-color).
func (t Theme) Hex() string { return t.brand().hex() }

func (t Theme) brand() colour {
	c, err := parseColour(t.Brand)
	if err != nil {
		c, _ = parseColour(own)
	}
	return c.darkenUntil(colour{1, 1, 1}, 4.6)
}

// css is the tail of the sheet: the only part that differs between cities.
func (t Theme) css() string {
	day := t.brand()
	sheet := colour{0x18 / 255.0, 0x1e / 255.0, 0x26 / 255.0} // the dark page's ground
	night := day.lightenUntil(sheet, 7)
	return fmt.Sprintf(":root{--t-brand:%s;--t-on-brand:#fff;--t-link:%s}\n"+
		"@media screen and (prefers-color-scheme:dark){:root{--t-link:%s}}\n", day.hex(), day.hex(), night.hex())
}

type sheetKey struct {
	theme Theme
	rtl   bool
}

// sheets keeps what was built, since every page asks for its sheet's address.
// It only ever holds what sheet itself computes from its key.
var sheets sync.Map

func (t Theme) sheet(l i18n.Lang) *file {
	k := sheetKey{t, l.Dir() == "rtl"}
	if f, ok := sheets.Load(k); ok {
		return f.(*file)
	}
	base := ltr
	if k.rtl {
		base = rtl
	}
	f, _ := sheets.LoadOrStore(k, newFile(base+t.css(), "text/css; charset=utf-8", ".css"))
	return f.(*file)
}

// built finds a sheet by its name among those that pages asked for: a city whose
// colour was changed while we run has one.
func built(name string) (f *file, ok bool) {
	sheets.Range(func(_, v any) bool {
		f, ok = v.(*file), v.(*file).name == name
		return !ok
	})
	return f, ok
}

// colour is red, green and blue in 0..1, gamma encoded as on screen.
type colour [3]float64

func parseColour(s string) (colour, error) {
	if len(s) != 7 || s[0] != '#' {
		return colour{}, fmt.Errorf("colour %q is not of the form #rrggbb", s)
	}
	n, err := strconv.ParseUint(s[1:], 16, 32)
	if err != nil {
		return colour{}, fmt.Errorf("colour %q is not of the form #rrggbb", s)
	}
	return colour{float64(n>>16) / 255, float64(n>>8&255) / 255, float64(n&255) / 255}, nil
}

func (c colour) hex() string {
	b := func(f float64) int { return int(math.Round(f * 255)) }
	return fmt.Sprintf("#%02x%02x%02x", b(c[0]), b(c[1]), b(c[2]))
}

// luminance is WCAG's relative luminance.
func (c colour) luminance() float64 {
	lin := func(f float64) float64 {
		if f <= 0.04045 {
			return f / 12.92
		}
		return math.Pow((f+0.055)/1.055, 2.4)
	}
	return 0.2126*lin(c[0]) + 0.7152*lin(c[1]) + 0.0722*lin(c[2])
}

// contrast is WCAG's ratio of two colours, 1 to 21.
func contrast(a, b colour) float64 {
	la, lb := a.luminance(), b.luminance()
	return (max(la, lb) + 0.05) / (min(la, lb) + 0.05)
}

func (c colour) darkenUntil(on colour, ratio float64) colour {
	for range 64 {
		if contrast(c, on) >= ratio {
			return c
		}
		c = colour{c[0] * 0.95, c[1] * 0.95, c[2] * 0.95}
	}
	return colour{}
}

func (c colour) lightenUntil(on colour, ratio float64) colour {
	for range 64 {
		if contrast(c, on) >= ratio {
			return c
		}
		c = colour{c[0] + (1-c[0])*0.06, c[1] + (1-c[1])*0.06, c[2] + (1-c[2])*0.06}
	}
	return colour{1, 1, 1}
}
