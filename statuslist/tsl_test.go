package statuslist

import (
	"bytes"
	"compress/zlib"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

func testKey(name string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte(name))
	return ed25519.NewKeyFromSeed(seed[:])
}

// testPublisher publishes n cards of scheme 1 from number 0 on.
func testPublisher(t testing.TB, n uint64) *Publisher {
	t.Helper()
	r, err := NewRanges([]Scheme{{ID: 1, Digits: 12}}, Range{1, 0, n - 1})
	if err != nil {
		t.Fatal(err)
	}
	root := Root{City: "izmir", Version: 1, Threshold: 1, Keys: []ed25519.PublicKey{testKey("root").Public().(ed25519.PublicKey)}}
	root.ListKeys = []ListKey{{Key: testKey("list").Public().(ed25519.PublicKey), From: time.Unix(0, 0), To: time.Unix(1<<33, 0)}}
	file, err := root.Sign(testKey("root"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := OpenPublisher(PublisherConfig{Dir: t.TempDir(), City: "izmir", Ranges: r, Key: testKey("list"), Roots: [][]byte{file}, Rules: istanbul(t)})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestTokenBytesOfTheDraft packs the two-bit example of the IETF draft.
func TestTokenBytesOfTheDraft(t *testing.T) {
	l := NewList(12, Status{})
	for s := range byte(4) {
		l.setState(s, Status{Class: Class(s)})
	}
	copy(l.bytes, []byte{1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3})
	got := l.tokenBytes(func(s Status) uint8 { return uint8(s.Class) })
	if want := []byte{0xc9, 0x44, 0xf9}; !bytes.Equal(got, want) {
		t.Errorf("got %x, want %x", got, want)
	}
}

func TestTokenList(t *testing.T) {
	const n = 10_000
	p := testPublisher(t, n)
	rng := rand.New(rand.NewPCG(1, 2))
	want := make([]uint8, n)
	for i := range want {
		s := Status{Class: Class(rng.IntN(3))}
		switch rng.IntN(20) {
		case 0:
			s.StopUntil, want[i] = Forever, TokenInvalid
		case 1:
			s.StopUntil, want[i] = 18650, TokenSuspended
		default:
			if s.Class == 0 {
				want[i] = TokenApplication
			}
		}
		p.Set(uint32(i), s)
	}
	now := time.Unix(18642*86400, 0)
	if _, _, err := p.Publish(now); err != nil {
		t.Fatal(err)
	}
	jwt, cwt, err := p.TokenList(TokenList{
		Subject: "https://lists.example/izmir/token-status-list", Issued: now, Expires: now.Add(time.Hour), TTL: time.Minute,
		Key: testKey("list"), Status: TokenStatus(18642, 0),
	})
	if err != nil {
		t.Fatal(err)
	}
	if dir := os.Getenv("TURNIKE_TOKEN_LIST_DIR"); dir != "" { // for a look with other software
		os.WriteFile(dir+"/list.jwt", jwt, 0o644)
		os.WriteFile(dir+"/list.cwt", cwt, 0o644)
		os.WriteFile(dir+"/want", want, 0o644)
	}
	public := testKey("list").Public().(ed25519.PublicKey)
	parts := strings.Split(string(jwt), ".")
	if len(parts) != 3 {
		t.Fatalf("jwt of %d parts", len(parts))
	}
	signature, _ := base64.RawURLEncoding.DecodeString(parts[2])
	if !ed25519.Verify(public, []byte(parts[0]+"."+parts[1]), signature) {
		t.Error("jwt: signature does not verify")
	}
	payload, _ := base64.RawURLEncoding.DecodeString(parts[1])
	var claims struct {
		Sub        string
		Iat, Exp   int64
		TTL        int64
		StatusList struct {
			Bits int
			Lst  string
		} `json:"status_list"`
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	lst, _ := base64.RawURLEncoding.DecodeString(claims.StatusList.Lst)
	checkTokens(t, "jwt", lst, claims.StatusList.Bits, want)

	c := &cborReader{t: t, b: cwt}
	c.head(cborTag, coseSign1)
	c.head(cborArray, 4)
	protected := c.string(cborBytes)
	c.head(cborMap, 1)
	c.head(cborUint, coseKid)
	c.string(cborBytes)
	body := c.string(cborBytes)
	signature = c.string(cborBytes)
	signed := slices.Concat([]byte{0x84, 0x6a}, []byte("Signature1"), cborString(nil, cborBytes, string(protected)), []byte{0x40}, cborString(nil, cborBytes, string(body)))
	if len(c.b) != 0 || !ed25519.Verify(public, signed, signature) {
		t.Errorf("cwt: %d bytes left over, or the signature does not verify", len(c.b))
	}
	at := bytes.Index(body, []byte("clst"))
	if at < 0 {
		t.Fatal("cwt: no list in it")
	}
	c = &cborReader{t: t, b: body[at+4:]}
	checkTokens(t, "cwt", c.string(cborBytes), tokenBits, want)
}

func checkTokens(t *testing.T, form string, lst []byte, bits int, want []uint8) {
	t.Helper()
	if bits != 2 {
		t.Fatalf("%s: bits: got %d, want 2", form, bits)
	}
	r, err := zlib.NewReader(bytes.NewReader(lst))
	if err != nil {
		t.Fatalf("%s: %v", form, err)
	}
	packed, err := io.ReadAll(r)
	if err != nil {
		t.Fatalf("%s: %v", form, err)
	}
	for i, w := range want {
		if got := packed[i/4] >> (i % 4 * 2) & 3; got != w {
			t.Fatalf("%s: card %d: got %d, want %d", form, i, got, w)
		}
	}
}

// cborReader reads just what the test expects.
type cborReader struct {
	t *testing.T
	b []byte
}

func (c *cborReader) item() (major byte, n uint64) {
	c.t.Helper()
	first := c.b[0]
	size := 0
	if info := first & 31; info >= 24 {
		size = 1 << (info - 24)
	} else {
		n = uint64(info)
	}
	var wide [8]byte
	copy(wide[8-size:], c.b[1:1+size])
	if size > 0 {
		n = binary.BigEndian.Uint64(wide[:])
	}
	c.b = c.b[1+size:]
	return first >> 5, n
}

func (c *cborReader) head(major byte, n uint64) {
	c.t.Helper()
	if m, got := c.item(); m != major || got != n {
		c.t.Fatalf("cbor: got %d of %d, want %d of %d", m, got, major, n)
	}
}

func (c *cborReader) string(major byte) []byte {
	c.t.Helper()
	m, n := c.item()
	if m != major {
		c.t.Fatalf("cbor: got a %d, want a %d", m, major)
	}
	s := c.b[:n]
	c.b = c.b[n:]
	return s
}
