package assets

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"turnike/internal/i18n"
)

// TestBuiltSheetsAreCurrent compares the digest build.mjs left with that of the
// sources: who changes design/ runs design/build.sh and commits what it wrote.
func TestBuiltSheetsAreCurrent(t *testing.T) {
	const design = "../../../design"
	entries, err := os.ReadDir(design)
	if err != nil {
		t.Fatal(err)
	}
	source := regexp.MustCompile(`^page\.js$|\.(scss|mjs)$|^package-lock\.json$`)
	sum := sha256.New()
	for _, e := range entries { // ReadDir sorts by name, as the build does
		if !source.MatchString(e.Name()) {
			continue
		}
		raw, err := os.ReadFile(filepath.Join(design, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		sum.Write([]byte(e.Name() + "\x00"))
		sum.Write(raw)
	}
	built, err := os.ReadFile("built.sum")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := strings.TrimSpace(string(built)), hex.EncodeToString(sum.Sum(nil)); got != want {
		t.Errorf("sheets were built from %s, sources are %s: run design/build.sh", got, want)
	}
}

// TestClassesExist finds a class that a template uses and the sheet lacks: a
// misspelt one, or one that the build drops as unused.
func TestClassesExist(t *testing.T) {
	used := regexp.MustCompile(`\bt-[a-z][a-z0-9_-]*\b`)
	var have []string
	for _, sheet := range []string{ltr, rtl, staffLTR, staffRTL} {
		for _, m := range regexp.MustCompile(`\.(t-[\w-]+)`).FindAllStringSubmatch(sheet, -1) {
			have = append(have, m[1])
		}
	}
	n := 0
	err := filepath.WalkDir("..", func(path string, e os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".templ") {
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, attr := range regexp.MustCompile(`class=("[^"]*"|\{[^}]*\})`).FindAllString(string(raw), -1) {
			for _, c := range used.FindAllString(attr, -1) {
				n++
				if !slices.Contains(have, c) && !slices.ContainsFunc(have, func(h string) bool { return strings.HasPrefix(h, c+"-") }) {
					t.Errorf("%s: class %q is in no sheet", path, c)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n < 40 {
		t.Errorf("saw %d classes in templates, expected more: is the search still right?", n)
	}
}

func TestThemeCanBeRead(t *testing.T) {
	white, dark := colour{1, 1, 1}, colour{0x18 / 255.0, 0x1e / 255.0, 0x26 / 255.0}
	for _, brand := range []string{"", "#0a5c8a", "#ffff00", "#ffffff", "#000000", "#ff0000", "#00a651"} {
		theme, err := NewTheme(brand)
		if err != nil {
			t.Fatal(err)
		}
		colours := regexp.MustCompile(`#[0-9a-f]{6}`).FindAllString(theme.css(), -1)
		if len(colours) != 3 {
			t.Fatalf("%q: got %v, want three colours of six digits", brand, colours)
		}
		for i, ground := range []colour{white, white, dark} {
			c, err := parseColour(colours[i])
			if err != nil {
				t.Fatal(err)
			}
			if got := contrast(c, ground); got < 4.5 {
				t.Errorf("%q: %s on its ground has contrast %.2f, want 4.5 or more", brand, colours[i], got)
			}
		}
	}
	for _, bad := range []string{"red", "#12345", "#12345g", "#1234567", "#+12345"} {
		if _, err := NewTheme(bad); err == nil {
			t.Errorf("NewTheme(%q): got no error, want one", bad)
		}
	}
}

func TestHandler(t *testing.T) {
	theme, err := NewTheme("#00a651")
	if err != nil {
		t.Fatal(err)
	}
	h := Handler(theme)
	for _, c := range []struct {
		method, path, accept string
		status               int
		encoding             string
	}{
		{"GET", CSSPath(theme, i18n.Arabic), "gzip, br", 200, "gzip"},
		{"GET", CSSPath(theme, i18n.Turkish), "", 200, ""},
		{"HEAD", CSSPath(Theme{}, i18n.English), "", 200, ""},
		{"GET", QRReaderPath(), "gzip", 200, "gzip"},
		{"POST", CSSPath(theme, i18n.Turkish), "", 405, ""},
		{"GET", Prefix + "0123456789abcdef.css", "", 404, ""},
	} {
		r := httptest.NewRequest(c.method, c.path, nil)
		r.Header.Set("Accept-Encoding", c.accept)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != c.status || w.Header().Get("Content-Encoding") != c.encoding {
			t.Errorf("%s %s: got %d %q, want %d %q", c.method, c.path, w.Code, w.Header().Get("Content-Encoding"), c.status, c.encoding)
		}
	}
	if a, b := CSSPath(theme, i18n.Arabic), CSSPath(theme, i18n.English); a == b {
		t.Errorf("Arabic and English pages share the sheet %s", a)
	}
	if a, b := CSSPath(theme, i18n.Turkish), CSSPath(theme, i18n.English); a != b {
		t.Errorf("Turkish and English pages have different sheets, %s and %s", a, b)
	}
}

// TestSizes holds the pages' budget: 60 kB and six requests for a pairing leave
// this much for what all pages share.
func TestSizes(t *testing.T) {
	if got := len(Theme{}.sheet(i18n.Turkish).gzip); got > 12_000 {
		t.Errorf("sheet: %d bytes zipped, want at most 12000", got)
	}
	if got := len(pageScript); got > 2_560 {
		t.Errorf("page script: %d bytes, want at most 2560", got)
	}
}
