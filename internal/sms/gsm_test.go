package sms

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestFit(t *testing.T) {
	for _, tt := range []struct {
		name  string
		text  string
		table Table
		parts int
		left  int
	}{
		{"empty", "", GSM7, 0, 0},
		{"one letter", "a", GSM7, 1, 159},
		{"full", strings.Repeat("a", 160), GSM7, 1, 0},
		{"one over", strings.Repeat("a", 161), GSM7, 2, 145},
		{"two full", strings.Repeat("a", 306), GSM7, 2, 0},
		{"letters of the default table", "ÖöÜüÇ", GSM7, 1, 155},
		{"extension costs two", "€", GSM7, 1, 158},
		{"pair not torn", strings.Repeat("a", 152) + "€" + strings.Repeat("a", 20), GSM7, 2, 131},
		{"İstanbulkart", "İstanbulkart", TurkishSingle, 1, 142},
		{"seven letters", "ŞşĞğçıİ", TurkishSingle, 1, 141},
		{"Turkish full", strings.Repeat("a", 153) + "ş", TurkishSingle, 1, 0},
		{"Turkish one over", strings.Repeat("a", 154) + "ş", TurkishSingle, 2, 142},
		{"Turkish two full", strings.Repeat("a", 296) + "ş", TurkishSingle, 2, 0},
		{"Arabic", strings.Repeat("ا", 70), UCS2, 1, 0},
		{"Arabic one over", strings.Repeat("ا", 71), UCS2, 2, 63},
		{"outside the basic plane", "😀", UCS2, 1, 68},
		{"mostly Turkish letters", strings.Repeat("ş", 70), TurkishSingle, 1, 15},
		{"Turkish letters past half", strings.Repeat("ş", 78), TurkishSingle, 2, 141},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := Fit(tt.text)
			if f.Table != tt.table || f.Parts != tt.parts || f.Left != tt.left {
				t.Errorf("got %v, %d parts, %d left; want %v, %d, %d", f.Table, f.Parts, f.Left, tt.table, tt.parts, tt.left)
			}
		})
	}
	if f := FitLink(strings.Repeat("ş", 152)); f.Table != TurkishLocking || f.Parts != 1 {
		t.Errorf("152 ş on our own link: got %v, %d parts; want the locking table, 1", f.Table, f.Parts)
	}
}

// TestTables holds the alphabets against letters whose septets the
// specification prints (3GPP TS 23.038 6.2.1, A.2.1, A.3.1).
func TestTables(t *testing.T) {
	if n := utf8.RuneCountInString(gsmDefault); n != 128 {
		t.Fatalf("default alphabet has %d letters", n)
	}
	if n := utf8.RuneCountInString(gsmTurkish); n != 128 {
		t.Fatalf("Turkish alphabet has %d letters", n)
	}
	for _, tt := range []struct {
		r     rune
		table Table
		want  []byte
	}{
		{'@', GSM7, []byte{0x00}}, {'A', GSM7, []byte{0x41}}, {'z', GSM7, []byte{0x7a}}, {'à', GSM7, []byte{0x7f}},
		{'Δ', GSM7, []byte{0x10}}, {'Æ', GSM7, []byte{0x1c}}, {'¿', GSM7, []byte{0x60}}, {'§', GSM7, []byte{0x5f}},
		{'[', GSM7, []byte{0x1b, 0x3c}}, {'€', GSM7, []byte{0x1b, 0x65}},
		{'ş', TurkishSingle, []byte{0x1b, 0x73}}, {'ı', TurkishSingle, []byte{0x1b, 0x69}}, {'İ', TurkishSingle, []byte{0x1b, 0x49}},
		{'€', TurkishLocking, []byte{0x04}}, {'ı', TurkishLocking, []byte{0x07}}, {'Ğ', TurkishLocking, []byte{0x0b}}, {'ğ', TurkishLocking, []byte{0x0c}},
		{'Ş', TurkishLocking, []byte{0x1c}}, {'ş', TurkishLocking, []byte{0x1d}}, {'İ', TurkishLocking, []byte{0x40}}, {'ç', TurkishLocking, []byte{0x60}},
	} {
		got, ok := septets(nil, tt.r, tt.table)
		if !ok || string(got) != string(tt.want) {
			t.Errorf("%q in %v: got %x, want %x", tt.r, tt.table, got, tt.want)
		}
	}
	if _, ok := septets(nil, 'ş', GSM7); ok {
		t.Error("the default alphabet has no ş")
	}
}

// join puts a text's parts together again the way a phone does.
func join(t testing.TB, parts []Part) string {
	var b strings.Builder
	for i, p := range parts {
		h := Header{}
		if len(p.Header) > 0 {
			var rest []byte
			var err error
			if h, rest, err = ParseHeader(p.Header); err != nil || len(rest) > 0 {
				t.Fatalf("part %d: header %x: %v", i, p.Header, err)
			}
		}
		if len(parts) > 1 && (int(h.Parts) != len(parts) || int(h.Part) != i+1) {
			t.Fatalf("part %d says it is %d of %d", i, h.Part, h.Parts)
		}
		octets := len(p.Header) + len(p.Text)
		if p.Table == UCS2 {
			b.WriteString(DecodeUCS2(p.Text))
		} else {
			octets = ((len(p.Header)*8+6)/7*7 + len(p.Text)*7 + 7) / 8
			b.WriteString(DecodeSeptets(p.Text, h))
		}
		if octets > 140 {
			t.Fatalf("part %d takes %d octets, want at most 140", i, octets)
		}
	}
	return b.String()
}

func TestSplitAndJoin(t *testing.T) {
	for _, text := range []string{
		"a", strings.Repeat("İzmirim Kart ", 40), strings.Repeat("ş", 200), strings.Repeat("بطاقة ", 60),
		strings.Repeat("😀", 50), strings.Repeat("€", 200), gsmDefaultPrintable(), "^{}\\[~]|€ĞİŞçğış",
	} {
		if got := join(t, Split(text, 7)); got != text {
			t.Errorf("got %q, want %q", got, text)
		}
	}
}

func gsmDefaultPrintable() string { return strings.ReplaceAll(gsmDefault, "\x1b", "") }

func TestSafeTurkish(t *testing.T) {
	got := SafeTurkish("Şişli'de ığdır çayı İçÖÜ")
	if want := "Sisli'de igdir cayi IcÖÜ"; got != want || Fit(got).Table != GSM7 {
		t.Errorf("got %q in %v, want %q in the default alphabet", got, Fit(got).Table, want)
	}
}

func FuzzSplit(f *testing.F) {
	for _, s := range []string{"", "a", "ş", "€", "😀", strings.Repeat("ğ", 160)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) || len(s) > 3000 {
			return
		}
		if got := join(t, Split(s, 1)); got != s {
			t.Errorf("got %q, want %q", got, s)
		}
	})
}

func FuzzParseHeader(f *testing.F) {
	f.Add([]byte{5, 0, 3, 1, 2, 1}, []byte("text"))
	f.Add([]byte{3, 0x24, 1, 1}, []byte{0x1b, 0x73})
	f.Add([]byte{255}, []byte{})
	f.Fuzz(func(t *testing.T, h, text []byte) {
		head, _, err := ParseHeader(append(h, text...))
		if err == nil && head.Part > head.Parts {
			t.Errorf("part %d of %d", head.Part, head.Parts)
		}
		if s := DecodeSeptets(text, head); !utf8.ValidString(s) {
			t.Errorf("%x gives broken text", text)
		}
	})
}

// BenchmarkFit: each message is measured several times on its way out.
func BenchmarkFit(b *testing.B) {
	text := strings.Repeat("İzmirim Kart eşleşti. ", 7)
	for b.Loop() {
		if f := Fit(text); f.Parts != 2 {
			b.Fatalf("got %+v", f)
		}
	}
}

func TestFitDoesNotAllocate(t *testing.T) {
	text := strings.Repeat("İzmirim Kart eşleşti. ", 7)
	if n := testing.AllocsPerRun(100, func() { Fit(text) }); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}
