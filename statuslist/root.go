package statuslist

import (
	"bytes"
	"crypto/ed25519"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"time"
)

// KeyID names a public key: the first 8 bytes of its SHA-256.
type KeyID [8]byte

func (k KeyID) String() string { return hex.EncodeToString(k[:]) }

// KeyIDOf gives a public key's name.
func KeyIDOf(key ed25519.PublicKey) (id KeyID) {
	d := Sum(key)
	copy(id[:], d[:])
	return id
}

// Root says who may sign a city's list. Its own keys are kept offline by
// different people; Threshold of them together replace it. A list key that is
// left out of the next version is revoked, and with it everything it signed.
type Root struct {
	City      string
	Version   uint32 // rises by one
	Threshold uint8
	Keys      []ed25519.PublicKey
	ListKeys  []ListKey
}

// ListKey is an online key and the time its heads may be issued in.
type ListKey struct {
	Key      ed25519.PublicKey
	From, To time.Time
}

const (
	maxCity     = 64
	maxRootKeys = 16
	maxListKeys = 64
	maxRootFile = 16 << 10
)

func (r *Root) validate() error {
	switch {
	case len(r.City) == 0 || len(r.City) > maxCity:
		return fmt.Errorf("root: city of %d bytes", len(r.City))
	case r.Version == 0:
		return fmt.Errorf("root: versions start at 1")
	case len(r.Keys) == 0 || len(r.Keys) > maxRootKeys || len(r.ListKeys) > maxListKeys:
		return fmt.Errorf("root: %d root keys, %d list keys", len(r.Keys), len(r.ListKeys))
	case r.Threshold == 0 || int(r.Threshold) > len(r.Keys):
		return fmt.Errorf("root: threshold %d of %d", r.Threshold, len(r.Keys))
	}
	for i, k := range r.Keys {
		if len(k) != ed25519.PublicKeySize {
			return fmt.Errorf("root: a root key of %d bytes", len(k))
		}
		for _, other := range r.Keys[:i] {
			if bytes.Equal(k, other) {
				return fmt.Errorf("root: a root key named twice")
			}
		}
	}
	for _, k := range r.ListKeys {
		if len(k.Key) != ed25519.PublicKeySize {
			return fmt.Errorf("root: a list key of %d bytes", len(k.Key))
		}
	}
	return nil
}

func (r *Root) body() []byte {
	b := appendMagic(nil, magicRoot)
	b = appendString(b, r.City)
	b = binary.AppendUvarint(b, uint64(r.Version))
	b = append(b, r.Threshold, byte(len(r.Keys)))
	for _, k := range r.Keys {
		b = append(b, k...)
	}
	b = append(b, byte(len(r.ListKeys)))
	for _, k := range r.ListKeys {
		b = append(b, k.Key...)
		b = binary.AppendVarint(b, k.From.Unix())
		b = binary.AppendVarint(b, k.To.Unix())
	}
	return b
}

// Sign gives the root's file with the signatures of the given keys.
func (r *Root) Sign(keys ...ed25519.PrivateKey) ([]byte, error) {
	if err := r.validate(); err != nil {
		return nil, err
	}
	body := r.body()
	file := append(bytes.Clone(body), 0)
	for _, k := range keys {
		file = appendSignature(file, len(body), k)
	}
	return file, nil
}

// CosignRoot adds signatures to a root's file, so that its keys need never
// meet on one machine.
func CosignRoot(file []byte, keys ...ed25519.PrivateKey) ([]byte, error) {
	_, n, err := parseRoot(file)
	if err != nil {
		return nil, err
	}
	file = bytes.Clone(file)
	for _, k := range keys {
		file = appendSignature(file, n, k)
	}
	return file, nil
}

func appendSignature(file []byte, body int, k ed25519.PrivateKey) []byte {
	id := KeyIDOf(k.Public().(ed25519.PublicKey))
	signature := ed25519.Sign(k, file[:body])
	file[body]++
	return append(append(file, id[:]...), signature...)
}

// ParseRoot reads a root's file without believing it.
func ParseRoot(file []byte) (*Root, error) {
	root, _, err := parseRoot(file)
	return root, err
}

func parseRoot(file []byte) (root *Root, body int, err error) {
	if len(file) > maxRootFile {
		return nil, 0, fmt.Errorf("%w: root of %d bytes", ErrMalformed, len(file))
	}
	r := newReader(file, magicRoot)
	root = &Root{City: r.string(maxCity), Version: uint32(r.uvarint(1<<32 - 1)), Threshold: r.byte()}
	for n := r.byte(); n > 0 && r.err == nil; n-- {
		root.Keys = append(root.Keys, bytes.Clone(r.take(ed25519.PublicKeySize)))
	}
	for n := r.byte(); n > 0 && r.err == nil; n-- {
		root.ListKeys = append(root.ListKeys, ListKey{Key: bytes.Clone(r.take(ed25519.PublicKeySize)), From: r.time(), To: r.time()})
	}
	body = len(file) - len(r.b)
	r.take(int(r.byte()) * (len(KeyID{}) + ed25519.SignatureSize))
	if err := r.end(); err != nil {
		return nil, 0, err
	}
	if err := root.validate(); err != nil {
		return nil, 0, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return root, body, nil
}

// signedBy counts how many of the keys signed the file's body.
func signedBy(file []byte, body int, keys []ed25519.PublicKey) int {
	const size = len(KeyID{}) + ed25519.SignatureSize
	signatures := file[body+1:]
	count := 0
	for _, k := range keys {
		id := KeyIDOf(k)
		for s := signatures; len(s) >= size; s = s[size:] {
			if bytes.Equal(s[:len(id)], id[:]) && ed25519.Verify(k, file[:body], s[len(id):size]) {
				count++
				break
			}
		}
	}
	return count
}

// Anchor is the root trust a device is born with: the keys themselves, or
// the fingerprint of a first root's keys.
type Anchor struct {
	Keys        []ed25519.PublicKey
	Threshold   uint8
	Fingerprint string
}

// Fingerprint is the hex digest of the root's keys, threshold and city: what
// a mechanic compares before a device believes its first root.
func (r *Root) Fingerprint() string {
	first := Root{City: r.City, Version: 1, Threshold: r.Threshold, Keys: r.Keys}
	return Sum(first.body()).String()
}

// VerifyFirst reads the first root a device meets, under its anchor.
func (a Anchor) VerifyFirst(file []byte) (*Root, error) {
	root, body, err := parseRoot(file)
	if err != nil {
		return nil, err
	}
	if signedBy(file, body, root.Keys) < int(root.Threshold) {
		return nil, fmt.Errorf("%w: root %d has too few signatures of its own", ErrSignature, root.Version)
	}
	switch {
	case a.Fingerprint != "":
		if root.Fingerprint() != a.Fingerprint {
			return nil, fmt.Errorf("%w: root has another fingerprint", ErrSignature)
		}
	case len(a.Keys) == 0 || a.Threshold == 0 || signedBy(file, body, a.Keys) < int(a.Threshold):
		return nil, fmt.Errorf("%w: root %d is not the anchor's", ErrSignature, root.Version)
	}
	return root, nil
}

// VerifyNext reads the root that follows r: the next version, for the same
// city, with enough signatures by r's keys and by its own.
func (r *Root) VerifyNext(file []byte) (*Root, error) {
	next, body, err := parseRoot(file)
	if err != nil {
		return nil, err
	}
	switch {
	case next.City != r.City || next.Version != r.Version+1:
		return nil, fmt.Errorf("%w: root %d of %q does not follow root %d", ErrSignature, next.Version, next.City, r.Version)
	case signedBy(file, body, r.Keys) < int(r.Threshold), signedBy(file, body, next.Keys) < int(next.Threshold):
		return nil, fmt.Errorf("%w: root %d has too few signatures", ErrSignature, next.Version)
	}
	return next, nil
}

// listKey finds the key that may have issued a head at a time.
func (r *Root) listKey(id KeyID, issued time.Time) (ed25519.PublicKey, bool) {
	for _, k := range r.ListKeys {
		if KeyIDOf(k.Key) == id && !issued.Before(k.From) && !issued.After(k.To) {
			return k.Key, true
		}
	}
	return nil, false
}

// Trusts says whether a list key is still named.
func (r *Root) Trusts(id KeyID) bool {
	for _, k := range r.ListKeys {
		if KeyIDOf(k.Key) == id {
			return true
		}
	}
	return false
}
