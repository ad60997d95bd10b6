package sandbox

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"
	"unicode/utf8"

	"turnike/internal/health"
	"turnike/internal/person"
)

// Kind is what a made-up HES code leads to.
type Kind uint8

// The kinds. They are part of the code itself (see code), so every sandbox
// answers alike about a code, also after a restart.
const (
	Riskless Kind = iota // permanent, no risk
	Risky                // permanent, at risk: the card is stopped
	Expired              // was good until yesterday
	Blocked              // its owner withdrew it: not found any more
	Ending               // no risk, good for 24 hours from the question
	Slowly               // no risk, answered after three seconds
	Broken               // the service answers 500 for this code
	Garbled              // the service answers nonsense for this code
)

var kindNames = [...]string{"riskless", "risky", "expired", "blocked", "ending", "slow", "broken", "garbled"}

func (k Kind) String() string { return kindNames[k&7] }

// ParseKind reads a kind's name.
func ParseKind(s string) (Kind, bool) {
	for k, n := range kindNames {
		if n == s {
			return Kind(k), true
		}
	}
	return 0, false
}

// A made-up code carries its own answer in 50 bits: kind (3), the last three
// digits of the identity number (10), the first two letters of both names (4 of
// 6 bits), nine bits that tell namesakes apart and four that make most mistyped
// codes unknown. The bits are stirred, so that codes look alike to nobody, and
// written in 32 letters and digits that are not mistaken for each other.
const (
	codeBits  = 50
	codeMask  = 1<<codeBits - 1
	stir      = 0x3_1d5b_9a27_c6e5 // odd, so that it has an inverse modulo 2^50
	stirXor   = 0x2_6a09_e667_f3bc
	codeChars = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
	// nameChars are the letters a mask can show; what is not among them shows
	// as its folded form, and index 0 stands for no letter.
	nameChars = "\x00ABCÇDEFGĞHIİJKLMNOÖPQRSŞTUÜVWXYZÂÎÛÄÉÈÊÑÁÍÓÚÀÔØÅÆẞ'.-"
)

// HESFor gives the code of a person: same person and kind, same code, in every
// sandbox. The masked answer it leads to fits the person.
func HESFor(id person.ID, first, last person.Name, kind Kind) health.Code {
	sum := sha256.Sum256([]byte("hes|" + id.Reveal() + "|" + first.RevealUpper() + "|" + last.RevealUpper()))
	v := uint64(kind & 7)
	v = v<<10 | uint64(atoi(lastDigits(id.Reveal())))
	for _, n := range []person.Name{first, last} {
		a, b := twoLetters(n)
		v = v<<12 | uint64(a)<<6 | uint64(b)
	}
	v = v<<9 | uint64(binary.BigEndian.Uint16(sum[:]))>>7
	v = v<<4 | check(v)
	v ^= v >> (codeBits / 2) // the kind's bits reach every letter; its own inverse
	v = (v*stir ^ stirXor) & codeMask
	var s [health.CodeLen]byte
	for i := len(s) - 1; i >= 0; i-- {
		s[i] = codeChars[v%32]
		v /= 32
	}
	return health.RestoreCode(string(s[:]))
}

// check is four bits over the others.
func check(v uint64) uint64 {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64([]byte("check"), v))
	return uint64(sum[0]) & 15
}

// lastDigits is the last three characters of a document number, letters of a
// passport as zero.
func lastDigits(number string) string {
	out := []byte("000")
	for i := range out {
		if j := len(number) - 3 + i; j >= 0 && number[j] >= '0' && number[j] <= '9' {
			out[i] = number[j]
		}
	}
	return string(out)
}

// twoLetters are the indexes of a name's first two letters in nameChars.
func twoLetters(n person.Name) (a, b int) {
	var idx [2]int
	i := 0
	for _, r := range n.RevealUpper() {
		if i == 2 {
			break
		}
		idx[i] = letterIndex(r)
		i++
	}
	return idx[0], idx[1]
}

func letterIndex(r rune) int {
	at := 0
	for i := range nameChars {
		if c, _ := utf8.DecodeRuneInString(nameChars[i:]); c == r {
			return at
		}
		at++
	}
	if f := strings.ToUpper(person.Fold(string(r))); f != "" && f != string(r) {
		return letterIndex(rune(f[0]))
	}
	return 0
}

func letterAt(i int) string {
	at := 0
	for _, c := range nameChars {
		if at == i && i != 0 {
			return string(c)
		}
		at++
	}
	return ""
}

// hesCode is a code and what is known of it.
type hesCode struct {
	code  string
	kind  Kind
	risky bool // as it stands now; Flip changes it
	id    string
	first string
	last  string
	asked int // how often the ministry was asked
}

// read undoes HESFor; false for a code nobody has.
func read(code string) (hesCode, bool) {
	var v uint64
	for _, c := range []byte(code) {
		i := strings.IndexByte(codeChars, c)
		if i < 0 || len(code) != health.CodeLen {
			return hesCode{}, false
		}
		v = v*32 + uint64(i)
	}
	v = ((v ^ stirXor) * unstir) & codeMask
	v ^= v >> (codeBits / 2)
	sum := v & 15
	v >>= 4
	if check(v) != sum {
		return hesCode{}, false
	}
	v >>= 9
	var l [4]string
	for i := 3; i >= 0; i-- {
		l[i] = letterAt(int(v & 63))
		v >>= 6
	}
	id := v & 1023
	if id > 999 {
		return hesCode{}, false
	}
	k := Kind(v >> 10)
	return hesCode{code: code, kind: k, risky: k == Risky, id: fmt.Sprintf("********%03d", id), first: l[0] + l[1] + "****", last: l[2] + l[3] + "****"}, true
}

// unstir is the inverse of stir modulo 2^50, by Newton's iteration: each step
// doubles the number of right bits, starting from three.
var unstir = func() uint64 {
	x := uint64(stir)
	for range 5 {
		x *= 2 - stir*x
	}
	return x & codeMask
}()

// TCKN completes nine digits to a well-formed T.C. number, so that tests and
// docs can name the magic ones. It panics on anything but nine digits not
// beginning with 0: it is called with constants.
func TCKN(nine string) person.ID {
	if len(nine) != 9 || nine[0] == '0' || strings.Trim(nine, "0123456789") != "" {
		panic("sandbox: TCKN wants nine digits")
	}
	odd, even := 0, 0
	for i, c := range nine {
		if i%2 == 0 {
			odd += int(c - '0')
		} else {
			even += int(c - '0')
		}
	}
	d10 := ((7*odd-even)%10 + 10) % 10
	id, err := person.ParseTCKN(fmt.Sprintf("%s%d%d", nine, d10, (odd+even+d10)%10))
	if err != nil {
		panic(err)
	}
	return id
}

// What the identity register makes of a number: its seventh to ninth digit.
const (
	magicNo    = "404" // the register says no, whatever the name
	magicFault = "500" // the register answers a SOAP fault
	magicSlow  = "503" // the register takes three seconds, then says yes
)

func magic(number string) string {
	if len(number) != 11 {
		return ""
	}
	return number[6:9]
}

// Citizen is one of the few people the register knows by name; everybody else
// is known under whatever name is claimed.
type Citizen struct {
	ID    person.ID
	First string
	Last  string
	Birth string // YYYY-MM-DD
}

// Citizens are made up. Asked about one of these numbers, the register wants
// the very name and birth, so that a mistyped name can be shown.
func Citizens() []Citizen {
	return []Citizen{
		{TCKN("301234567"), "Ayşe", "Yılmaz", "1985-03-12"},
		{TCKN("412345678"), "İsmail", "Işık", "1954-11-02"},
		{TCKN("523456789"), "Çağrı", "Öztürk", "1996-07-21"},
		{TCKN("311122233"), "Gülşah", "Şahin", "2003-01-30"},
		{TCKN("425252525"), "Mehmet Ali", "Ağaoğlu", "1948-05-19"},
		{TCKN("994567891"), "Layla", "Haddad", "1990-09-09"},
		{TCKN("998765432"), "Omar", "Al-Masri", "1979-12-25"},
	}
}
