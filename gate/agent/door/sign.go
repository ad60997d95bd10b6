package door

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"turnike/statuslist"
)

// Window is how far a signature's time may lie from the server's: a request
// caught on its way is of no use after that. A device whose own clock is wrong
// goes by the Date of the server's answers.
const Window = 5 * time.Minute

// Why a request's signature is not accepted.
var (
	// ErrUnsigned: no signature, or not of the one form that is taken.
	ErrUnsigned = errors.New("door: request not signed as it must be")
	// ErrSignature: another key, or another request.
	ErrSignature = errors.New("door: signature does not hold")
	// ErrClock: signed too long ago, or in the future.
	ErrClock = errors.New("door: signed at another time")
)

// The one form of RFC 9421 that is taken: these components, these parameters.
const (
	signatureLabel = "gate="
	components     = `("@method" "@path" "content-digest")`
	signatureTag   = "turnike-gate"
)

// Sign signs a request with the body it will carry, at a moment by the server's
// clock as the device knows it.
func (i *Identity) Sign(r *http.Request, body []byte, at time.Time) {
	var nonce [18]byte
	rand.Read(nonce[:])
	i.sign(r, body, at, base64.RawURLEncoding.EncodeToString(nonce[:]))
}

func (i *Identity) sign(r *http.Request, body []byte, at time.Time, nonce string) {
	digest := digestOf(body)
	params := fmt.Sprintf(`%s;created=%d;nonce="%s";keyid="%s";alg="ed25519";tag="%s"`,
		components, max(at.Unix(), 0), nonce, i.ID(), signatureTag)
	r.Header.Set("Content-Digest", digest)
	r.Header.Set("Signature-Input", signatureLabel+params)
	signature := ed25519.Sign(i.key, signatureBase(r, digest, params))
	r.Header.Set("Signature", signatureLabel+":"+base64.StdEncoding.EncodeToString(signature)+":")
}

// digestOf is a body's Content-Digest (RFC 9530).
func digestOf(body []byte) string {
	sum := sha256.Sum256(body)
	return "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"
}

// signatureBase is what is signed (RFC 9421, 2.5).
func signatureBase(r *http.Request, digest, params string) []byte {
	return []byte(`"@method": ` + r.Method + "\n" +
		`"@path": ` + r.URL.EscapedPath() + "\n" +
		`"content-digest": ` + digest + "\n" +
		`"@signature-params": ` + params)
}

// Claim is what a request says of its signature, before it is believed.
type Claim struct {
	Device    statuslist.KeyID
	Created   time.Time
	Nonce     string
	params    string
	signature []byte
}

// ReadClaim reads a request's signature, so that the device's key can be found.
func ReadClaim(r *http.Request) (Claim, error) {
	var c Claim
	inputs, signatures := r.Header.Values("Signature-Input"), r.Header.Values("Signature")
	if len(inputs) != 1 || len(signatures) != 1 || len(inputs[0]) > 1024 {
		return c, ErrUnsigned
	}
	params, ok := strings.CutPrefix(inputs[0], signatureLabel)
	rest, ok2 := strings.CutPrefix(params, components+";")
	if !ok || !ok2 {
		return c, ErrUnsigned
	}
	seen := map[string]string{}
	for _, p := range strings.Split(rest, ";") {
		name, value, ok := strings.Cut(strings.TrimSpace(p), "=")
		if _, twice := seen[name]; !ok || twice {
			return c, ErrUnsigned
		}
		if name != "created" {
			if len(value) < 2 || value[0] != '"' || value[len(value)-1] != '"' || strings.ContainsAny(value[1:len(value)-1], `"\`) {
				return c, ErrUnsigned
			}
			value = value[1 : len(value)-1]
		}
		seen[name] = value
	}
	created, err := strconv.ParseInt(seen["created"], 10, 64)
	if err != nil || created < 0 || created > 253402300799 || len(seen["nonce"]) < 16 || len(seen["nonce"]) > 64 ||
		seen["alg"] != "ed25519" || seen["tag"] != signatureTag || len(seen["keyid"]) != hex.EncodedLen(len(c.Device)) {
		return c, ErrUnsigned
	}
	if _, err := hex.Decode(c.Device[:], []byte(seen["keyid"])); err != nil {
		return c, ErrUnsigned
	}
	text, ok := strings.CutPrefix(signatures[0], signatureLabel+":")
	text, ok2 = strings.CutSuffix(text, ":")
	if c.signature, err = base64.StdEncoding.DecodeString(text); err != nil || !ok || !ok2 || len(c.signature) != ed25519.SignatureSize {
		return c, ErrUnsigned
	}
	c.Created, c.Nonce, c.params = time.Unix(created, 0), seen["nonce"], params
	return c, nil
}

// Verify tells whether a request with this body was signed by a key, about now.
// A nonce is the caller's to remember for twice the Window.
func (c Claim) Verify(r *http.Request, body []byte, key ed25519.PublicKey, now time.Time) error {
	digest := digestOf(body)
	if got := r.Header.Values("Content-Digest"); len(got) != 1 || got[0] != digest {
		return ErrSignature
	}
	if len(key) != ed25519.PublicKeySize || statuslist.KeyIDOf(key) != c.Device ||
		!ed25519.Verify(key, signatureBase(r, digest, c.params), c.signature) {
		return ErrSignature
	}
	if d := now.Sub(c.Created); d > Window || d < -Window {
		return ErrClock
	}
	return nil
}
