package statuslist

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
)

// Secret keeps full lists and deltas from being read by others than the
// city's gates. Without it whoever knows a card's number can look up in the
// published files whether and until when it is stopped, and guess why. What a
// gate may believe does not rest on it: that is the head's signature.
type Secret struct {
	aead  cipher.AEAD
	nonce []byte // key that gives each file its nonce
}

const (
	magicSealed = "TKLX"
	// sealedVersion pads what it seals; version 1 did not.
	sealedVersion = 2
	// sealedStep is what the length of a padded file is a multiple of: one
	// card's change and fifty look alike from outside.
	sealedStep = 256
	padMark    = 0x80
)

// ErrSealed: the file is for gates that hold another secret, or it was
// changed on the way.
var ErrSealed = errors.New("statuslist: sealed under another secret")

// NewSecret takes 32 to 64 random bytes that the city's gates share.
func NewSecret(secret []byte) (*Secret, error) {
	if len(secret) < 32 || len(secret) > 64 {
		return nil, fmt.Errorf("list secret of %d bytes, want 32 to 64", len(secret))
	}
	derive := func(label string) []byte {
		h := hmac.New(sha256.New, secret)
		h.Write([]byte(label))
		return h.Sum(nil)
	}
	block, err := aes.NewCipher(derive("turnike list files 1"))
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	return &Secret{aead: aead, nonce: derive("turnike list nonces 1")}, nil
}

// Seal gives the file as only gates with the secret can read it. The nonce is
// made of the file, so that one file has one sealed form and name, and two
// files never share a nonce but by a collision of 96 bits. A nil secret seals
// nothing.
func (s *Secret) Seal(file []byte) []byte {
	if s == nil {
		return file
	}
	h := hmac.New(sha256.New, s.nonce)
	h.Write(file)
	head := append([]byte(magicSealed), sealedVersion)
	nonce := h.Sum(nil)[:s.aead.NonceSize()]
	padded := make([]byte, (len(file)/sealedStep+1)*sealedStep)
	copy(padded, file)
	padded[len(file)] = padMark
	return s.aead.Seal(append(head, nonce...), nonce, padded, head)
}

// Unseal gives back what Seal took. A file that was never sealed is given as
// it is: its head proves it all the same.
func (s *Secret) Unseal(file []byte) ([]byte, error) {
	const head = magicSize + 1
	if len(file) < head || string(file[:magicSize]) != magicSealed {
		return file, nil
	}
	version := file[magicSize]
	if s == nil || version != formatVersion && version != sealedVersion || len(file) < head+s.aead.NonceSize() {
		return nil, ErrSealed
	}
	nonce := file[head : head+s.aead.NonceSize()]
	plain, err := s.aead.Open(nil, nonce, file[head+len(nonce):], file[:head])
	if err != nil {
		return nil, ErrSealed
	}
	if version == sealedVersion {
		end := len(plain) - 1
		for end >= 0 && plain[end] == 0 {
			end--
		}
		if end < 0 || plain[end] != padMark {
			return nil, fmt.Errorf("%w: sealed without its padding", ErrMalformed)
		}
		plain = plain[:end]
	}
	return plain, nil
}
