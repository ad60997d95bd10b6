package hook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The headers and marks of Standard Webhooks (standardwebhooks.com, 1.0).
const (
	headerID        = "Webhook-Id"
	headerTimestamp = "Webhook-Timestamp"
	headerSignature = "Webhook-Signature"
	secretMark      = "whsec_"
	versionMark     = "v1,"
)

// tolerance is how far a receiver's clock may be from the moment of signing.
const tolerance = 5 * time.Minute

// sign signs a body with every secret that is good.
func sign(h http.Header, keys []secret, id, body string, now time.Time) {
	at := strconv.FormatInt(now.Unix(), 10)
	var all []string
	for _, k := range keys {
		all = append(all, versionMark+signature(k.Secret, id, at, body))
	}
	h.Set(headerID, id)
	h.Set(headerTimestamp, at)
	h.Set(headerSignature, strings.Join(all, " "))
}

func signature(secret, id, at, body string) string {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, secretMark))
	if err != nil {
		key = []byte(secret)
	}
	m := hmac.New(sha256.New, key)
	m.Write([]byte(id + "." + at + "." + body))
	return base64.StdEncoding.EncodeToString(m.Sum(nil))
}

// Verify is what a receiver does: it holds a body to its headers with the
// secret that was shown, and gives ErrSign where they do not agree or the
// moment is too far from now. Receivers also keep the ids of the last days, and
// take each once.
func Verify(secret string, h http.Header, body []byte, now time.Time) error {
	at, err := strconv.ParseInt(h.Get(headerTimestamp), 10, 64)
	if err != nil || time.Unix(at, 0).Sub(now).Abs() > tolerance {
		return ErrSign
	}
	want := signature(secret, h.Get(headerID), h.Get(headerTimestamp), string(body))
	for s := range strings.FieldsSeq(h.Get(headerSignature)) {
		if got, ok := strings.CutPrefix(s, versionMark); ok && hmac.Equal([]byte(got), []byte(want)) {
			return nil
		}
	}
	return ErrSign
}
