package booking

import (
	"crypto/hmac"
	"encoding/base64"
	"time"

	"github.com/gofrs/uuid/v5"

	"turnike/internal/person"
)

// Links are the addresses by which people come back to their visits. A token is
// the visit's id and eight bytes that only we can compute: it says nothing of
// anyone, and cannot be guessed from the id, which calendars and logs hold.
type Links struct {
	Keys    person.Keyring
	Network string
	// Base is where people reach the pages, "https://randevu.example"; a host
	// alone is enough in a text message.
	Base string
}

// linkKeeps is how long after a visit's day its link still opens.
const linkKeeps = 48 * time.Hour

func (l Links) mac(id uuid.UUID) []byte {
	t := l.Keys.Tag(l.Network, person.TagBody, "visit link:"+id.String())
	return t[:8]
}

// Token is a visit's token: 32 letters, digits, dashes and underlines.
func (l Links) Token(id string) string {
	u := uuid.FromStringOrNil(id)
	return base64.RawURLEncoding.EncodeToString(append(u.Bytes(), l.mac(u)...))
}

// ID is the visit a token was made for; ok is false for one that is not ours.
func (l Links) ID(token string) (id string, ok bool) {
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(b) != uuid.Size+8 {
		return "", false
	}
	u := uuid.FromBytesOrNil(b[:uuid.Size])
	return u.String(), hmac.Equal(b[uuid.Size:], l.mac(u))
}

// URL is the address of a visit's page.
func (l Links) URL(id string) string { return l.Base + "/visit/" + l.Network + "/v/" + l.Token(id) }

// LinkOver tells whether a visit's link has had its time: the day after the
// visit it still opens, then no more.
func (n *Network) LinkOver(v Visit, now time.Time) bool {
	return now.After(v.Place.Day.Midnight(n.zone).Add(linkKeeps))
}
