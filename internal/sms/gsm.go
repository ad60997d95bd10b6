package sms

import (
	"errors"
	"unicode/utf16"
	"unicode/utf8"
)

// Table is the alphabet a text travels in (3GPP TS 23.038).
type Table uint8

// The alphabets. The Turkish ones are the default alphabet with a national
// table announced in the message's header: single shift replaces the extension
// table (a Turkish letter costs two septets and an escape less than UCS-2
// would), locking shift replaces the alphabet itself (a Turkish letter costs
// one).
const (
	GSM7           Table = iota // default alphabet and its extension
	TurkishSingle               // default alphabet, Turkish single-shift table
	TurkishLocking              // Turkish locking-shift table and single-shift table
	UCS2                        // 16 bits a letter: Arabic
)

var tableNames = [...]string{"gsm7", "turkish-single", "turkish-locking", "ucs2"}

func (t Table) String() string {
	if int(t) < len(tableNames) {
		return tableNames[t]
	}
	return "?"
}

// The alphabets by septet (3GPP TS 23.038 6.2.1 and A.3.1); 0x1B is the escape.
const (
	gsmDefault = "@£$¥èéùìòÇ\nØø\rÅå" + "Δ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ" + " !\"#¤%&'()*+,-./" + "0123456789:;<=>?" +
		"¡ABCDEFGHIJKLMNO" + "PQRSTUVWXYZÄÖÑÜ§" + "¿abcdefghijklmno" + "pqrstuvwxyzäöñüà"
	gsmTurkish = "@£$¥€éùıòÇ\nĞğ\rÅå" + "Δ_ΦΓΛΩΠΨΣΘΞ\x1bŞşßÉ" + " !\"#¤%&'()*+,-./" + "0123456789:;<=>?" +
		"İABCDEFGHIJKLMNO" + "PQRSTUVWXYZÄÖÑÜ§" + "çabcdefghijklmno" + "pqrstuvwxyzäöñüà"
)

// escape is the septet before one of a shift table.
const escape = 0x1b

// extension is the default extension table (6.2.1.1), extra what the Turkish
// single-shift table (A.2.1) adds to it.
func extension(r rune) byte {
	switch r {
	case '\f':
		return 0x0a
	case '^':
		return 0x14
	case '{':
		return 0x28
	case '}':
		return 0x29
	case '\\':
		return 0x2f
	case '[':
		return 0x3c
	case '~':
		return 0x3d
	case ']':
		return 0x3e
	case '|':
		return 0x40
	case '€':
		return 0x65
	}
	return 0
}

func extra(r rune) byte {
	switch r {
	case 'Ğ':
		return 0x47
	case 'İ':
		return 0x49
	case 'Ş':
		return 0x53
	case 'ç':
		return 0x63
	case 'ğ':
		return 0x67
	case 'ı':
		return 0x69
	case 'ş':
		return 0x73
	}
	return 0
}

// letters is an alphabet turned round: from a letter to its septet, none for
// letters it lacks. All its letters but the euro sign lie below U+0400.
type letters [0x400]byte

const none = 0xff

func turn(alphabet string) *letters {
	var l letters
	for i := range l {
		l[i] = none
	}
	i := byte(0)
	for _, r := range alphabet {
		if i != escape && int(r) < len(l) {
			l[r] = i
		}
		i++
	}
	return &l
}

// Filled once from the constants above and never changed.
var (
	inDefault = turn(gsmDefault)
	inTurkish = turn(gsmTurkish)
)

// septets writes a letter in a table: one septet, or the escape and one, or
// none when the table lacks the letter.
func septets(dst []byte, r rune, t Table) ([]byte, bool) {
	base := inDefault
	if t == TurkishLocking {
		base = inTurkish
		if r == '€' {
			return append(dst, 0x04), true
		}
	}
	if int(r) < len(base) && base[r] != none {
		return append(dst, base[r]), true
	}
	if s := extension(r); s != 0 {
		return append(dst, escape, s), true
	}
	if t == TurkishSingle || t == TurkishLocking {
		if s := extra(r); s != 0 {
			return append(dst, escape, s), true
		}
	}
	return dst, false
}

// room is how many septets (UCS-2: 16-bit units) one part holds, alone and as
// one of several. 140 octets are 160 septets; the header of a national table
// takes 4 octets with its length (5 septets), a part number 6 (7 septets),
// both 9 (11 septets; TS 23.040 9.2.3.24). Two national tables take 7 alone (8
// septets) and 12 with the part number (14 septets).
func room(t Table, several bool) int {
	switch {
	case t == GSM7 && !several:
		return 160
	case t == GSM7:
		return 153
	case t == TurkishSingle && !several:
		return 155
	case t == TurkishSingle:
		return 149
	case t == TurkishLocking && !several:
		return 152
	case t == TurkishLocking:
		return 146
	case !several:
		return 70
	default:
		return 67
	}
}

// Fitting is what a text costs.
type Fitting struct {
	Table Table
	Parts int // text messages paid for; 0 for an empty text
	Used  int // septets (UCS-2: units) over all parts
	Left  int // septets or units before one more part is needed
}

// Fit finds how a text travels at the least cost in parts: the default
// alphabet if it has every letter, the Turkish single-shift table where it
// lacks only Ş ş Ğ ğ ç ı İ (the gateways' "Turkish": 155, then 149 a part),
// UCS-2 otherwise. The locking table is left to our own SMPP link
// (FitLink): gateways do not offer it.
func Fit(text string) Fitting { return fit(text, GSM7, TurkishSingle, UCS2) }

// FitLink is Fit with the Turkish locking table as well, for a link on which we
// write the header ourselves.
func FitLink(text string) Fitting { return fit(text, GSM7, TurkishSingle, TurkishLocking, UCS2) }

func fit(text string, tables ...Table) Fitting {
	var best Fitting
	for _, t := range tables {
		parts, used, last, ok := measure(text, t)
		if ok && parts > 0 && (best.Parts == 0 || parts < best.Parts) {
			best = Fitting{Table: t, Parts: parts, Used: used, Left: room(t, parts > 1) - last}
		}
	}
	return best
}

// cost is what a letter takes in a table, in the table's own measure; 0 where
// the table lacks it.
func cost(r rune, t Table) int {
	if t == UCS2 {
		return utf16.RuneLen(r)
	}
	var pair [2]byte
	b, _ := septets(pair[:0], r, t)
	return len(b)
}

// measure counts a text's parts and what they hold together and the last one
// alone. A letter that takes two is never torn apart.
func measure(text string, t Table) (parts, used, last int, ok bool) {
	for _, r := range text {
		c := cost(r, t)
		if c <= 0 {
			return 0, 0, 0, false
		}
		used += c
	}
	limit := room(t, used > room(t, false))
	for _, r := range text {
		c := cost(r, t)
		if parts == 0 || last+c > limit {
			parts, last = parts+1, 0
		}
		last += c
	}
	return parts, used, last, true
}

// cut writes a text that a table has every letter of as parts: unpacked
// septets, or UTF-16 big endian for UCS-2.
func cut(text string, t Table) [][]byte {
	_, used, _, _ := measure(text, t)
	limit := room(t, used > room(t, false))
	var parts [][]byte
	var part []byte
	size := 0
	for _, r := range text {
		if c := cost(r, t); size+c > limit {
			parts, part, size = append(parts, part), nil, c
		} else {
			size += c
		}
		if t != UCS2 {
			part, _ = septets(part, r, t)
			continue
		}
		for _, u := range utf16.AppendRune(nil, r) {
			part = append(part, byte(u>>8), byte(u))
		}
	}
	if part != nil {
		parts = append(parts, part)
	}
	return parts
}

// Part is one text message ready for a link: its user data header (with the
// leading length octet, empty when there is none) and its text as unpacked
// septets or UTF-16 big endian.
type Part struct {
	Table  Table
	Header []byte
	Text   []byte
}

// Information elements of the user data header (TS 23.040 9.2.3.24).
const (
	ieConcat8 = 0x00 // reference, parts, this part
	ieSingle  = 0x24 // national language single shift
	ieLocking = 0x25 // national language locking shift
	turkish   = 1    // national language identifier (TS 23.038 6.2.1.2.4)
)

// Split writes a text as parts for a link; ref ties the parts together and
// should differ from one text to the next.
func Split(text string, ref byte) []Part {
	f := FitLink(text)
	raw := cut(text, f.Table)
	parts := make([]Part, len(raw))
	for i, b := range raw {
		var h []byte
		if len(raw) > 1 {
			h = append(h, ieConcat8, 3, ref, byte(len(raw)), byte(i+1))
		}
		if f.Table == TurkishSingle || f.Table == TurkishLocking {
			h = append(h, ieSingle, 1, turkish)
		}
		if f.Table == TurkishLocking {
			h = append(h, ieLocking, 1, turkish)
		}
		if len(h) > 0 {
			h = append([]byte{byte(len(h))}, h...)
		}
		parts[i] = Part{Table: f.Table, Header: h, Text: b}
	}
	return parts
}

// Header is what a user data header says.
type Header struct {
	Ref, Parts, Part byte // of a concatenated text; Parts is 0 when it stands alone
	Single, Locking  byte // national language identifiers, 0 for none
}

var errHeader = errors.New("user data header is not well formed")

// ParseHeader reads a user data header from the start of b (its length octet
// first) and gives what follows it. Unknown elements are skipped.
func ParseHeader(b []byte) (Header, []byte, error) {
	var h Header
	if len(b) == 0 || len(b) < 1+int(b[0]) {
		return h, nil, errHeader
	}
	body, rest := b[1:1+b[0]], b[1+b[0]:]
	for len(body) > 0 {
		if len(body) < 2 || len(body) < 2+int(body[1]) {
			return h, nil, errHeader
		}
		v := body[2 : 2+body[1]]
		switch {
		case body[0] == ieConcat8 && len(v) == 3:
			h.Ref, h.Parts, h.Part = v[0], v[1], v[2]
			if h.Parts == 0 || h.Part == 0 || h.Part > h.Parts {
				return h, nil, errHeader
			}
		case body[0] == ieSingle && len(v) == 1:
			h.Single = v[0]
		case body[0] == ieLocking && len(v) == 1:
			h.Locking = v[0]
		}
		body = body[2+body[1]:]
	}
	return h, rest, nil
}

// DecodeSeptets reads unpacked septets by the tables a header names. A septet
// that stands for nothing becomes U+FFFD; an escape before a letter the shift
// table lacks gives the alphabet's own letter, as the specification asks.
func DecodeSeptets(b []byte, h Header) string {
	alphabet := []rune(gsmDefault)
	if h.Locking == turkish {
		alphabet = []rune(gsmTurkish)
	}
	var out []rune
	for i := 0; i < len(b); i++ {
		switch s := b[i]; {
		case s > 0x7f:
			out = append(out, utf8.RuneError)
		case s != escape:
			out = append(out, alphabet[s])
		case i+1 == len(b):
			out = append(out, ' ') // an escape at the end shows as a blank
		default:
			i++
			out = append(out, shifted(b[i], h.Single, alphabet))
		}
	}
	return string(out)
}

func shifted(s, single byte, alphabet []rune) rune {
	const own, more = "\f^{}\\[~]|€", "ĞİŞçğış"
	for _, r := range own {
		if extension(r) == s {
			return r
		}
	}
	if single == turkish {
		for _, r := range more {
			if extra(r) == s {
				return r
			}
		}
	}
	if s > 0x7f || s == escape {
		return ' '
	}
	return alphabet[s]
}

// DecodeUCS2 reads UTF-16 big endian; an odd last octet is dropped.
func DecodeUCS2(b []byte) string {
	u := make([]uint16, len(b)/2)
	for i := range u {
		u[i] = uint16(b[2*i])<<8 | uint16(b[2*i+1])
	}
	return string(utf16.Decode(u))
}

// SafeTurkish writes a text without the seven letters that force the Turkish
// table (Ş ş Ğ ğ ç ı İ), so that it fits 160 letters a part. It changes how
// people's names are written: offer it, show the result, never apply it
// unasked.
func SafeTurkish(text string) string {
	out := make([]rune, 0, len(text))
	for _, r := range text {
		switch r {
		case 'Ş':
			r = 'S'
		case 'ş':
			r = 's'
		case 'Ğ':
			r = 'G'
		case 'ğ':
			r = 'g'
		case 'ç':
			r = 'c'
		case 'ı':
			r = 'i'
		case 'İ':
			r = 'I'
		}
		out = append(out, r)
	}
	return string(out)
}
