package statuslist

import (
	"bytes"
	"compress/zlib"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"
)

// The statuses of an IETF Token Status List of two bits.
const (
	TokenValid       = 0
	TokenInvalid     = 1
	TokenSuspended   = 2
	TokenApplication = 3 // ours: not paired
)

// Media types of the two forms of a Token Status List.
const (
	TokenListJWT = "application/statuslist+jwt"
	TokenListCWT = "application/statuslist+cwt"
)

const tokenBits = 2

// TokenList says how the list is told to software of others that reads IETF
// Token Status Lists (draft-ietf-oauth-status-list). It has neither classes
// nor deltas nor end days: it is a courtesy, not what gates go by.
type TokenList struct {
	// Subject is the address the list is fetched from, as in the tokens that
	// refer to it.
	Subject         string
	Issued, Expires time.Time
	TTL             time.Duration // how long a copy may be kept; 0 says nothing
	Key             ed25519.PrivateKey
	// Status maps what our list says to one of the four. Whoever reads the
	// result sees the difference between Invalid and Suspended, which no gate
	// shows: give both the same where that says too much.
	Status func(Status) uint8
}

// TokenStatus is the mapping for a day on which cards of some classes count
// as not paired: stops that hold are suspended, or invalid if for good.
func TokenStatus(today Day, unpaired ...Class) func(Status) uint8 {
	set := ClassSet(unpaired...)
	return func(s Status) uint8 {
		switch {
		case s.StopUntil == Forever:
			return TokenInvalid
		case s.Stopped(today):
			return TokenSuspended
		case set>>(s.Class%Classes)&1 == 1:
			return TokenApplication
		}
		return TokenValid
	}
}

// TokenList gives the list as published in both forms.
func (p *Publisher) TokenList(cfg TokenList) (jwt, cwt []byte, err error) {
	p.publishing.Lock()
	packed := p.list.tokenBytes(cfg.Status)
	p.publishing.Unlock()
	var lst bytes.Buffer
	w, err := zlib.NewWriterLevel(&lst, zlib.BestCompression)
	if err == nil {
		_, err = w.Write(packed)
	}
	if err == nil {
		err = w.Close()
	}
	if err == nil {
		jwt, err = cfg.jwt(lst.Bytes())
	}
	if err != nil {
		return nil, nil, fmt.Errorf("token status list: %w", err)
	}
	return jwt, cfg.cwt(lst.Bytes()), nil
}

// tokenBytes packs four cards a byte, the first in the lowest bits.
func (l *List) tokenBytes(status func(Status) uint8) []byte {
	t := l.states()
	var code [256]byte
	for s := range code {
		if t.used[s] {
			code[s] = status(t.status[s]) & (1<<tokenBits - 1)
		}
	}
	const perByte = 8 / tokenBits
	packed := make([]byte, (len(l.bytes)+perByte-1)/perByte)
	for i, s := range l.bytes {
		packed[i/perByte] |= code[s] << (i % perByte * tokenBits)
	}
	return packed
}

func (cfg *TokenList) keyID() string {
	return KeyIDOf(cfg.Key.Public().(ed25519.PublicKey)).String()
}

func (cfg *TokenList) jwt(lst []byte) ([]byte, error) {
	type statusList struct {
		Bits int    `json:"bits"`
		Lst  string `json:"lst"`
	}
	header, err := json.Marshal(struct {
		Alg string `json:"alg"`
		Kid string `json:"kid"`
		Typ string `json:"typ"`
	}{"EdDSA", cfg.keyID(), "statuslist+jwt"})
	if err != nil {
		return nil, err
	}
	payload, err := json.Marshal(struct {
		Sub  string     `json:"sub"`
		Iat  int64      `json:"iat"`
		Exp  int64      `json:"exp"`
		TTL  int64      `json:"ttl,omitempty"`
		List statusList `json:"status_list"`
	}{cfg.Subject, cfg.Issued.Unix(), cfg.Expires.Unix(), int64(cfg.TTL / time.Second), statusList{tokenBits, base64.RawURLEncoding.EncodeToString(lst)}})
	if err != nil {
		return nil, err
	}
	b := base64.RawURLEncoding.AppendEncode(nil, header)
	b = base64.RawURLEncoding.AppendEncode(append(b, '.'), payload)
	return base64.RawURLEncoding.AppendEncode(append(b, '.'), ed25519.Sign(cfg.Key, b)), nil
}

// Numbers of CBOR and COSE that a token list needs (RFC 8949, 9052, 8392, and
// the draft for 65533 and 65534).
const (
	cborUint, cborNint, cborBytes, cborText, cborArray, cborMap, cborTag = 0, 1, 2, 3, 4, 5, 6

	coseSign1                           = 18
	coseAlg, coseKid, coseTyp           = 1, 4, 16
	coseEdDSA                           = 7 // -8 as CBOR writes negative numbers
	claimSub, claimExp, claimIat        = 2, 4, 6
	claimStatusList, claimTTL    uint64 = 65533, 65534
)

// cbor appends the head of a CBOR item: the shortest there is.
func cbor(b []byte, major byte, n uint64) []byte {
	major <<= 5
	switch {
	case n < 24:
		return append(b, major|byte(n))
	case n < 1<<8:
		return append(b, major|24, byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(b, major|25), uint16(n))
	case n < 1<<32:
		return binary.BigEndian.AppendUint32(append(b, major|26), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(b, major|27), n)
}

func cborString(b []byte, major byte, s string) []byte {
	return append(cbor(b, major, uint64(len(s))), s...)
}

func (cfg *TokenList) cwt(lst []byte) []byte {
	protected := cbor(nil, cborMap, 2)
	protected = cbor(cbor(protected, cborUint, coseAlg), cborNint, coseEdDSA)
	protected = cborString(cbor(protected, cborUint, coseTyp), cborText, TokenListCWT)

	claims := uint64(4)
	if cfg.TTL > 0 {
		claims++
	}
	payload := cbor(nil, cborMap, claims)
	payload = cborString(cbor(payload, cborUint, claimSub), cborText, cfg.Subject)
	payload = cbor(cbor(payload, cborUint, claimExp), cborUint, uint64(max(cfg.Expires.Unix(), 0)))
	payload = cbor(cbor(payload, cborUint, claimIat), cborUint, uint64(max(cfg.Issued.Unix(), 0)))
	payload = cbor(cbor(payload, cborUint, claimStatusList), cborMap, 2)
	payload = cbor(cborString(payload, cborText, "bits"), cborUint, tokenBits)
	payload = cborString(cborString(payload, cborText, "lst"), cborBytes, string(lst))
	if cfg.TTL > 0 {
		payload = cbor(cbor(payload, cborUint, claimTTL), cborUint, uint64(cfg.TTL/time.Second))
	}

	signed := cborString(cbor(nil, cborArray, 4), cborText, "Signature1")
	signed = cborString(signed, cborBytes, string(protected))
	signed = cborString(signed, cborBytes, "")
	signed = cborString(signed, cborBytes, string(payload))

	b := cbor(cbor(nil, cborTag, coseSign1), cborArray, 4)
	b = cborString(b, cborBytes, string(protected))
	b = cborString(cbor(cbor(b, cborMap, 1), cborUint, coseKid), cborBytes, cfg.keyID())
	b = cborString(b, cborBytes, string(payload))
	return cborString(b, cborBytes, string(ed25519.Sign(cfg.Key, signed)))
}
