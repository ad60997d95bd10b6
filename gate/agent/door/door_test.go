package door

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

func identity(t *testing.T, name string) *Identity {
	t.Helper()
	seed := sha256.Sum256([]byte(name))
	id, err := NewIdentity(ed25519.NewKeyFromSeed(seed[:]))
	if err != nil {
		t.Fatal(err)
	}
	return id
}

var noon = time.Unix(1610701200, 0)

func signed(t *testing.T, id *Identity, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, "https://kart.example"+Path("istanbul", TapsPath), strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	id.sign(r, []byte(body), noon, "AAECAwQFBgcICQoLDA0ODxAR")
	return r
}

// TestVector holds the example of FORMAT.md: another maker's signature is made
// of the same bytes. Ed25519 gives the same signature each time.
func TestVector(t *testing.T) {
	seed := make([]byte, 32)
	for i := range seed {
		seed[i] = byte(i)
	}
	id, err := NewIdentity(ed25519.NewKeyFromSeed(seed))
	if err != nil {
		t.Fatal(err)
	}
	r := signed(t, id, "batch")
	format, err := os.ReadFile("../../../FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	for what, line := range map[string]string{
		"device":          id.ID().String(),
		"public key":      hex.EncodeToString(id.Public()),
		"seal key":        hex.EncodeToString(id.SealPublic()),
		"content-digest":  "Content-Digest: " + r.Header.Get("Content-Digest"),
		"signature-input": "Signature-Input: " + r.Header.Get("Signature-Input"),
		"signature":       "Signature: " + r.Header.Get("Signature"),
	} {
		if !strings.Contains(string(format), line) {
			t.Errorf("%s: FORMAT.md has no %q", what, line)
		}
	}
	c, err := ReadClaim(r)
	if err != nil {
		t.Fatal(err)
	}
	base := string(signatureBase(r, r.Header.Get("Content-Digest"), c.params))
	want := "\"@method\": POST\n\"@path\": /gate/istanbul/taps\n\"content-digest\": sha-256=:S7JO/JZBr8Xe0cp36rtuL88GLSESzNYb2L1qzYkYC64=:" +
		"\n\"@signature-params\": " + strings.TrimPrefix(r.Header.Get("Signature-Input"), "gate=")
	if base != want {
		t.Errorf("signature base: got %q, want %q", base, want)
	}
}

func TestSignatures(t *testing.T) {
	id, other := identity(t, "device"), identity(t, "other")
	for _, c := range []struct {
		name string
		bend func(r *http.Request, body *string, key *ed25519.PublicKey, now *time.Time)
		want error
	}{
		{"as it was", func(*http.Request, *string, *ed25519.PublicKey, *time.Time) {}, nil},
		{"at the window's end", func(_ *http.Request, _ *string, _ *ed25519.PublicKey, now *time.Time) { *now = noon.Add(Window) }, nil},
		{"too late", func(_ *http.Request, _ *string, _ *ed25519.PublicKey, now *time.Time) {
			*now = noon.Add(Window + time.Second)
		}, ErrClock},
		{"too early", func(_ *http.Request, _ *string, _ *ed25519.PublicKey, now *time.Time) {
			*now = noon.Add(-Window - time.Second)
		}, ErrClock},
		{"another body", func(_ *http.Request, body *string, _ *ed25519.PublicKey, _ *time.Time) { *body = "batch " }, ErrSignature},
		{"another body with its digest", func(r *http.Request, body *string, _ *ed25519.PublicKey, _ *time.Time) {
			*body = "other"
			r.Header.Set("Content-Digest", digestOf([]byte(*body)))
		}, ErrSignature},
		{"another method", func(r *http.Request, _ *string, _ *ed25519.PublicKey, _ *time.Time) { r.Method = http.MethodPut }, ErrSignature},
		{"another city", func(r *http.Request, _ *string, _ *ed25519.PublicKey, _ *time.Time) {
			r.URL.Path = Path("izmir", TapsPath)
		}, ErrSignature},
		{"another key", func(_ *http.Request, _ *string, key *ed25519.PublicKey, _ *time.Time) { *key = other.Public() }, ErrSignature},
		{"no key", func(_ *http.Request, _ *string, key *ed25519.PublicKey, _ *time.Time) { *key = nil }, ErrSignature},
		{"a later time", func(r *http.Request, _ *string, _ *ed25519.PublicKey, _ *time.Time) {
			replace(r, "Signature-Input", "created=1610701200", "created=1610701201")
		}, ErrSignature},
		{"another nonce", func(r *http.Request, _ *string, _ *ed25519.PublicKey, _ *time.Time) {
			replace(r, "Signature-Input", "AAEC", "BAEC")
		}, ErrSignature},
		{"unsigned", func(r *http.Request, _ *string, _ *ed25519.PublicKey, _ *time.Time) { r.Header.Del("Signature") }, ErrUnsigned},
		{"two signatures", func(r *http.Request, _ *string, _ *ed25519.PublicKey, _ *time.Time) {
			r.Header.Add("Signature", r.Header.Get("Signature"))
		}, ErrUnsigned},
		{"fewer components", func(r *http.Request, _ *string, _ *ed25519.PublicKey, _ *time.Time) {
			replace(r, "Signature-Input", ` "content-digest"`, "")
		}, ErrUnsigned},
		{"another algorithm", func(r *http.Request, _ *string, _ *ed25519.PublicKey, _ *time.Time) {
			replace(r, "Signature-Input", "ed25519", "hmac-sha256")
		}, ErrUnsigned},
		{"another use", func(r *http.Request, _ *string, _ *ed25519.PublicKey, _ *time.Time) {
			replace(r, "Signature-Input", "turnike-gate", "something-else")
		}, ErrUnsigned},
		{"a parameter twice", func(r *http.Request, _ *string, _ *ed25519.PublicKey, _ *time.Time) {
			r.Header.Set("Signature-Input", r.Header.Get("Signature-Input")+`;alg="ed25519"`)
		}, ErrUnsigned},
	} {
		body, key, now := "batch", id.Public(), noon
		r := signed(t, id, body)
		c.bend(r, &body, &key, &now)
		claim, err := ReadClaim(r)
		if err == nil {
			err = claim.Verify(r, []byte(body), key, now)
		}
		if !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, err, c.want)
		}
	}
}

func replace(r *http.Request, name, from, to string) {
	r.Header.Set(name, strings.ReplaceAll(r.Header.Get(name), from, to))
}

// FuzzClaim: whatever stands in the headers, a signature that was not made does
// not hold.
func FuzzClaim(f *testing.F) {
	f.Add(`gate=("@method" "@path" "content-digest");created=1;nonce="AAECAwQFBgcICQoL";keyid="0000000000000000";alg="ed25519";tag="turnike-gate"`, "gate=:AAAA:")
	f.Add(`gate=();created=-1`, "")
	f.Fuzz(func(t *testing.T, input, signature string) {
		r := &http.Request{Method: http.MethodPost, Header: http.Header{"Signature-Input": {input}, "Signature": {signature}}}
		c, err := ReadClaim(r)
		if err != nil {
			return
		}
		seed := sha256.Sum256([]byte("device"))
		if c.Verify(r, nil, ed25519.NewKeyFromSeed(seed[:]).Public().(ed25519.PublicKey), c.Created) == nil {
			t.Fatalf("a signature nobody made holds: %q %q", input, signature)
		}
	})
}

// TestSeal: secrets open for the one device of the one city.
func TestSeal(t *testing.T) {
	id, other := identity(t, "device"), identity(t, "other")
	secrets := Secrets{TagKey: []byte("tag key"), ListSecret: bytes.Repeat([]byte{7}, 32)}
	sealed, err := Seal(secrets, id.SealPublic(), "istanbul", id.ID().String())
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(sealed, secrets.TagKey) {
		t.Error("sealed: got the secret in the open")
	}
	reg := Registration{City: "istanbul", Device: id.ID().String(), Sealed: sealed}
	got, err := id.Open(reg)
	if err != nil || !bytes.Equal(got.TagKey, secrets.TagKey) || !bytes.Equal(got.ListSecret, secrets.ListSecret) {
		t.Errorf("opened: got %+v, %v, want what was sealed", got, err)
	}
	if _, err := other.Open(reg); err == nil {
		t.Error("another device: got it open")
	}
	elsewhere := reg
	elsewhere.City = "izmir"
	if _, err := id.Open(elsewhere); err == nil {
		t.Error("another city: got it open")
	}
	for i := range sealed {
		bent := reg
		bent.Sealed = bytes.Clone(sealed)
		bent.Sealed[i] ^= 1
		if _, err := id.Open(bent); err == nil {
			t.Fatalf("byte %d bent: got it open", i)
		}
	}
}

// TestPlain: secrets and tokens do not travel in the open.
func TestPlain(t *testing.T) {
	id := identity(t, "device")
	for server, want := range map[string]error{
		"https://kart.example": nil, "http://127.0.0.1:8080": nil, "http://localhost:8080": nil, "http://[::1]:1": nil,
		"http://kart.example": ErrPlain, "http://10.0.0.1": ErrPlain,
	} {
		if _, err := NewClient(ClientConfig{Server: server, City: "istanbul", Identity: id}); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", server, err, want)
		}
	}
}
