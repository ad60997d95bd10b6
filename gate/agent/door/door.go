// Package door is what a validator and its city say to each other besides the
// list: how a device is let in by a token, hands in its batches and says how it
// is, and how it learns that it is let in no more.
//
// Each request is signed by the device (HTTP Message Signatures, RFC 9421), so
// that a proxy may end TLS and change nothing; secrets for the device are sealed
// to it (HPKE, RFC 9180), so that a proxy reads none. FORMAT.md says the same to
// those who write it in another language. It needs the standard library only.
package door

import (
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/hpke"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/url"
	"time"

	"turnike/statuslist"
)

// BatchType is the media type batches are posted as.
const BatchType = "application/vnd.turnike.taps"

// Paths of a city's door, under the address of its server.
const (
	EnrolPath  = "enrol"  // POST Enrolment, answers Registration
	TapsPath   = "taps"   // POST a batch, answers Receipt
	StatusPath = "status" // POST Status, answers Registration
)

// Path is where a server answers one of them.
func Path(city, what string) string { return "/gate/" + url.PathEscape(city) + "/" + what }

// Enrolment is how a device asks to be let in. It is signed by the key it
// brings, which proves that the device holds it.
type Enrolment struct {
	Token string `json:"token"`
	Key   []byte `json:"key"`      // Ed25519 public key, which signs
	Seal  []byte `json:"seal_key"` // X25519 public key, to which secrets are sealed
}

// Registration is what a device is told of itself: when it is let in, and again
// with each status, so that what an operator changes reaches it.
type Registration struct {
	City   string `json:"city"`
	Device string `json:"device"` // 16 hex digits: its key's id
	Name   string `json:"name"`
	Stop   uint32 `json:"stop"`
	Mode   uint8  `json:"mode"`
	// Fingerprint is the trust the device is born with; Lists is the path the
	// lists are served under.
	Fingerprint string `json:"fingerprint"`
	Lists       string `json:"lists"`
	Sealed      []byte `json:"sealed"` // Secrets, by Seal
}

// Secrets are what only the city's devices may know. Both may be empty.
type Secrets struct {
	TagKey     []byte `json:"tag_key,omitempty"`     // for cards that have no ranges
	ListSecret []byte `json:"list_secret,omitempty"` // for lists that are sealed
}

// Status is what a device says of itself.
type Status struct {
	List       uint64    `json:"list"` // sequence of the list it goes by, 0 for none
	ListIssued time.Time `json:"list_issued"`
	Waiting    int       `json:"waiting"` // batches not handed in yet
	Dropped    int       `json:"dropped"` // batches let go of for want of room, ever
	Program    string    `json:"program"` // and version
}

// Receipt says that the city has a batch. The device lets go of it only where
// the digest is that of the file it holds: a page that some network shows
// instead of the server is no receipt.
type Receipt struct {
	Device   string `json:"device"`
	Boot     string `json:"boot"`
	Sequence uint64 `json:"sequence"`
	Digest   string `json:"digest"` // hex SHA-256 of the batch's file
}

// Identity is a device: the key that signs, and the key that secrets are sealed
// to, which follows from it, so that one secret is kept.
type Identity struct {
	key  ed25519.PrivateKey
	seal *ecdh.PrivateKey
}

// NewIdentity makes a device's identity of its signing key.
func NewIdentity(key ed25519.PrivateKey) (*Identity, error) {
	if len(key) != ed25519.PrivateKeySize {
		return nil, fmt.Errorf("door: a device key has %d bytes, want %d", len(key), ed25519.PrivateKeySize)
	}
	scalar, err := hkdf.Key(sha256.New, key.Seed(), nil, "turnike gate seal 1", 32)
	if err != nil {
		return nil, fmt.Errorf("door: %w", err)
	}
	seal, err := ecdh.X25519().NewPrivateKey(scalar)
	if err != nil {
		return nil, fmt.Errorf("door: %w", err)
	}
	return &Identity{key: key, seal: seal}, nil
}

// ID is the device's name: of its public key the first 8 bytes of the digest.
func (i *Identity) ID() statuslist.KeyID { return statuslist.KeyIDOf(i.Public()) }

// Public is the key that others check the device's signatures with.
func (i *Identity) Public() ed25519.PublicKey { return i.key.Public().(ed25519.PublicKey) }

// SealPublic is the key that secrets for the device are sealed to.
func (i *Identity) SealPublic() []byte { return i.seal.PublicKey().Bytes() }

// Enrol makes the enrolment of this device.
func (i *Identity) Enrol(token string) Enrolment {
	return Enrolment{Token: token, Key: i.Public(), Seal: i.SealPublic()}
}

// suite binds what is sealed to its use, its city and its device.
func sealInfo(city, device string) []byte {
	return []byte("turnike gate secrets 1\x00" + city + "\x00" + device)
}

// Seal seals secrets to a device: HPKE base mode, DHKEM(X25519, HKDF-SHA256),
// HKDF-SHA256, AES-256-GCM; the encapsulated key, then the ciphertext.
func Seal(s Secrets, to []byte, city, device string) ([]byte, error) {
	key, err := hpke.DHKEM(ecdh.X25519()).NewPublicKey(to)
	if err != nil {
		return nil, fmt.Errorf("door: seal secrets: %w", err)
	}
	plain, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("door: seal secrets: %w", err)
	}
	out, err := hpke.Seal(key, hpke.HKDFSHA256(), hpke.AES256GCM(), sealInfo(city, device), plain)
	if err != nil {
		return nil, fmt.Errorf("door: seal secrets: %w", err)
	}
	return out, nil
}

// Open opens the secrets of a registration.
func (i *Identity) Open(r Registration) (s Secrets, err error) {
	key, err := hpke.NewDHKEMPrivateKey(i.seal)
	if err != nil {
		return s, fmt.Errorf("door: open secrets: %w", err)
	}
	plain, err := hpke.Open(key, hpke.HKDFSHA256(), hpke.AES256GCM(), sealInfo(r.City, i.ID().String()), r.Sealed)
	if err != nil {
		return s, fmt.Errorf("door: open secrets: %w", err)
	}
	if err := json.Unmarshal(plain, &s); err != nil {
		return s, fmt.Errorf("door: open secrets: %w", err)
	}
	return s, nil
}
