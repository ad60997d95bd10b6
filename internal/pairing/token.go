package pairing

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"strings"

	"github.com/gofrs/uuid/v5"
)

// A token is what a browser holds of its request: the request's id and ten
// bytes that only we can compute. It says nothing about anyone, may stand in
// an address, and cannot be guessed from another token.
var tokenText = base32.NewEncoding("abcdefghjkmnpqrstuvwxyz023456789").WithPadding(base32.NoPadding)

const tokenMAC = 10

func (s *Service) tokenOf(city, id string) string {
	u := uuid.FromStringOrNil(id)
	return tokenText.EncodeToString(append(u.Bytes(), s.mac(city, u.Bytes())...))
}

func (s *Service) mac(city string, id []byte) []byte {
	h := hmac.New(sha256.New, s.tokenKey[:])
	h.Write([]byte(city))
	h.Write([]byte{0})
	h.Write(id)
	return h.Sum(nil)[:tokenMAC]
}

// idOf gives the request's id, empty for a token that is not ours.
func (s *Service) idOf(city, token string) string {
	b, err := tokenText.DecodeString(strings.ToLower(token))
	if err != nil || len(b) != uuid.Size+tokenMAC || !hmac.Equal(b[uuid.Size:], s.mac(city, b[:uuid.Size])) {
		return ""
	}
	return uuid.FromBytesOrNil(b[:uuid.Size]).String()
}

// Reference is the number a person reads out to a desk: ten letters and digits
// of the request's id without look-alikes.
func Reference(id string) string {
	u := uuid.FromStringOrNil(id)
	sum := sha256.Sum256(u.Bytes())
	r := strings.ToUpper(tokenText.EncodeToString(sum[:7])[:10])
	return r[:5] + "-" + r[5:]
}
