package i18n

import (
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		name, accept string
		chosen       []string
		want         Lang
	}{
		{"nothing said", "", nil, Turkish},
		{"browser", "ar-SY,ar;q=0.9,en;q=0.8", nil, Arabic},
		{"browser, unknown first", "de-DE,en-GB;q=0.7", nil, English},
		{"browser, none we have", "de-DE", nil, Turkish},
		{"button beats browser", "ar", []string{"en", "ar"}, English},
		{"empty button, cookie", "ar", []string{"", "en"}, English},
		{"nonsense chosen", "en", []string{"'; drop", "xx"}, English},
		{"nonsense header", "\x00;;;q=", nil, Turkish},
	} {
		if got := Parse(c.accept, c.chosen...); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}

func TestSentences(t *testing.T) {
	if got, want := T(Turkish, "page.title", "Title", "Kart", "Place", "İzmir"), "Kart – İzmir"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := T(English, "no.such.key"), "[no.such.key]"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for n, want := range map[int]string{1: "يوم واحد", 2: "يومان", 3: "3 أيام", 11: "11 يومًا", 100: "100 يوم"} {
		if got := N(Arabic, "span.days", n); got != want {
			t.Errorf("%d days: got %q, want %q", n, got, want)
		}
	}
}

func TestFormats(t *testing.T) {
	at := time.Date(2021, 1, 15, 14, 5, 0, 0, time.UTC)
	for _, c := range []struct{ got, want string }{
		{Turkish.Number(34260087), "34.260.087"},
		{Arabic.Number(-34260087), "-34,260,087"},
		{English.Number(999), "999"},
		{Turkish.Decimal(4.512, 2), "4,51"},
		{Turkish.Percent(0.241, 1), "%24,1"},
		{Arabic.Percent(0.24, 0), "24%"},
		{Turkish.Date(at), "15 Ocak 2021"},
		{English.DateWeekday(at), "Friday 15 January 2021"},
		{Turkish.DateWeekday(at), "15 Ocak 2021 Cuma"},
		{Arabic.Date(at), "15 كانون الثاني (يناير) 2021"},
		{Turkish.DateTime(at), "15 Ocak 2021 14:05"},
		{Turkish.DateShort(at), "15.01.2021"},
		{Turkish.Span(75*time.Hour + 20*time.Minute), "3 gün 3 saat"},
		{English.Span(61 * time.Second), "2 minutes"},
		{English.Span(-time.Hour), "1 minute"},
		{Arabic.Span(26 * time.Hour), "يوم واحد وساعتان"},
		{Turkish.Upper("ışık istanbul"), "IŞIK İSTANBUL"},
		{Turkish.Lower("IŞIK İSTANBUL"), "ışık istanbul"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

func TestFold(t *testing.T) {
	for in, want := range map[string]string{
		"AvcIlar": "avcilar", "avcılar": "avcilar", "AVCILAR": "avcilar",
		"ATAşEHIR": "atasehir", "Ataşehir": "atasehir", "İSTANBUL": "istanbul",
		"İstanbul": "istanbul", "  Ömer   Ünlü-Çağ ": "omer unlu cag", "": "",
		"أحمد": "احمد",
	} {
		if got := Fold(in); got != want {
			t.Errorf("Fold(%q): got %q, want %q", in, got, want)
		}
	}
}

func BenchmarkSentences(b *testing.B) {
	at := time.Date(2021, 1, 15, 14, 5, 0, 0, time.UTC)
	for name, f := range map[string]func(){
		"plain":  func() { T(Arabic, "page.skip") },
		"filled": func() { T(Arabic, "page.title", "Title", "a", "Place", "b") },
		"count":  func() { N(Arabic, "span.days", 3) },
		"date":   func() { Arabic.Date(at) },
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				f()
			}
		})
	}
}
