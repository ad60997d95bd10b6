package access_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	"turnike/internal/access"
)

var here = access.RP{Host: "kart.example", Origin: "https://kart.example"}

// laptop is a device that makes passkeys, by the book (WebAuthn, 6.1 and 6.5).
type laptop struct {
	t      *testing.T
	key    *ecdsa.PrivateKey
	id     []byte
	handle []byte
	count  uint32
	flags  byte
	origin string
}

func newLaptop(t *testing.T) *laptop {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	id := make([]byte, 16)
	rand.Read(id)
	return &laptop{t: t, key: key, id: id, flags: present | verified, origin: here.Origin}
}

const (
	present  = 1
	verified = 4
	attested = 0x40
)

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// options are what the page hands to the browser.
type options struct {
	Challenge string `json:"challenge"`
	RP        struct {
		ID string `json:"id"`
	} `json:"rp"`
	RPID string `json:"rpId"`
	User struct {
		ID string `json:"id"`
	} `json:"user"`
	UserVerification       string `json:"userVerification"`
	AuthenticatorSelection struct {
		UserVerification string `json:"userVerification"`
	} `json:"authenticatorSelection"`
}

func (l *laptop) read(raw []byte) (o options) {
	l.t.Helper()
	if err := json.Unmarshal(raw, &o); err != nil {
		l.t.Fatal(err)
	}
	return o
}

func (l *laptop) client(kind, challenge string) []byte {
	b, err := json.Marshal(map[string]any{"type": kind, "challenge": challenge, "origin": l.origin, "crossOrigin": false})
	if err != nil {
		l.t.Fatal(err)
	}
	return b
}

func (l *laptop) data(rp string, flags byte) []byte {
	sum := sha256.Sum256([]byte(rp))
	l.count++
	return binary.BigEndian.AppendUint32(append(sum[:], flags), l.count)
}

func (l *laptop) answer(response map[string]any) []byte {
	l.t.Helper()
	b, err := json.Marshal(map[string]any{"id": b64(l.id), "rawId": b64(l.id), "type": "public-key", "response": response, "clientExtensionResults": map[string]any{}})
	if err != nil {
		l.t.Fatal(err)
	}
	return b
}

// create makes a passkey.
func (l *laptop) create(raw []byte) []byte {
	l.t.Helper()
	o := l.read(raw)
	handle, err := base64.RawURLEncoding.DecodeString(o.User.ID)
	if err != nil {
		l.t.Fatal(err)
	}
	l.handle = handle
	if o.AuthenticatorSelection.UserVerification != "required" {
		l.t.Errorf("asked for user verification %q, want required", o.AuthenticatorSelection.UserVerification)
	}
	p, err := l.key.PublicKey.Bytes()
	if err != nil {
		l.t.Fatal(err)
	}
	cose, err := cbor.Marshal(map[int]any{1: 2, 3: -7, -1: 1, -2: p[1:33], -3: p[33:65]})
	if err != nil {
		l.t.Fatal(err)
	}
	data := append(l.data(o.RP.ID, l.flags|attested), make([]byte, 16)...)
	data = append(binary.BigEndian.AppendUint16(data, uint16(len(l.id))), l.id...)
	data = append(data, cose...)
	object, err := cbor.Marshal(map[string]any{"fmt": "none", "attStmt": map[string]any{}, "authData": data})
	if err != nil {
		l.t.Fatal(err)
	}
	return l.answer(map[string]any{"clientDataJSON": b64(l.client("webauthn.create", o.Challenge)), "attestationObject": b64(object)})
}

// get answers with it.
func (l *laptop) get(raw []byte) []byte {
	l.t.Helper()
	o := l.read(raw)
	data, client := l.data(o.RPID, l.flags), l.client("webauthn.get", o.Challenge)
	sum := sha256.Sum256(client)
	whole := sha256.Sum256(append(append([]byte{}, data...), sum[:]...))
	sig, err := ecdsa.SignASN1(rand.Reader, l.key, whole[:])
	if err != nil {
		l.t.Fatal(err)
	}
	return l.answer(map[string]any{"clientDataJSON": b64(client), "authenticatorData": b64(data), "signature": b64(sig), "userHandle": b64(l.handle)})
}

func (w *world) joinByPasskey(login string, l *laptop, in access.Invitation) access.In {
	w.t.Helper()
	token := w.invite(in)
	d, err := w.DraftPasskey(w.t.Context(), token, access.Newcomer{Name: "Ayşe Kaya", Login: login}, here)
	if err != nil {
		w.t.Fatal(err)
	}
	got, err := w.AcceptPasskey(w.t.Context(), token, d.State, l.create(d.Options), here)
	if err != nil {
		w.t.Fatal(err)
	}
	return got
}

func TestPasskey(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	l := newLaptop(t)
	in := w.joinByPasskey("ayse", l, access.Invitation{City: "izsu", Role: access.Manager})
	se := w.must(in.Token)

	sign := func(what string, rp access.RP, change func(*laptop), want error) {
		t.Helper()
		state, o, err := w.AskPasskey(rp)
		if err != nil {
			t.Fatal(err)
		}
		with := *l
		if change != nil {
			change(&with)
		}
		_, err = w.Passkey(ctx, rp, state, with.get(o))
		is(t, what, err, want)
		l.count = max(l.count, with.count)
	}
	sign("with it", here, nil, nil)
	sign("read on another site", here, func(l *laptop) { l.origin = "https://kart.example.evil" }, access.ErrPasskey)
	sign("asked by another site", access.RP{Host: "evil.example", Origin: "https://evil.example"}, nil, access.ErrPasskey)
	sign("without asking its owner", here, func(l *laptop) { l.flags = present }, access.ErrPasskey)
	sign("another device's key", here, func(l *laptop) { l.key = newLaptop(t).key }, access.ErrPasskey)
	sign("for somebody else", here, func(l *laptop) { l.handle = []byte(se.Account + ".izmir-desks") }, access.ErrPasskey)
	sign("for nobody", here, func(l *laptop) { l.handle = []byte("x") }, access.ErrPasskey)
	sign("a copy whose counter went back", here, func(l *laptop) { l.count = 0 }, access.ErrPasskey)
	sign("with it again", here, nil, nil)

	// An answer belongs to the question it was given to.
	state, o, _ := w.AskPasskey(here)
	other, _, _ := w.AskPasskey(here)
	_, err := w.Passkey(ctx, here, other, l.get(o))
	is(t, "to another question", err, access.ErrPasskey)
	for _, bad := range [][]byte{nil, []byte("{}"), []byte("x"), []byte(`{"id":"AA","rawId":"AA","type":"public-key","response":{}}`)} {
		_, err := w.Passkey(ctx, here, state, bad)
		is(t, "no answer", err, access.ErrPasskey)
	}
	_, err = w.Passkey(ctx, here, "x", l.get(o))
	is(t, "no question", err, access.ErrLapsed)
	state, o, _ = w.AskPasskey(here)
	w.pass(time.Hour)
	_, err = w.Passkey(ctx, here, state, l.get(o))
	is(t, "an hour later", err, access.ErrLapsed)
}

func TestPasskeyStepUp(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	l, theirs := newLaptop(t), newLaptop(t)
	in := w.joinByPasskey("ayse", l, access.Invitation{City: "izsu", Role: access.Manager})
	w.joinByPasskey("mehmet", theirs, access.Invitation{City: "izsu", Role: access.Manager})
	w.pass(access.StepUp)
	se := w.must(in.Token)
	state, o, err := w.AskPasskey(here)
	if err != nil {
		t.Fatal(err)
	}
	is(t, "with another's passkey", w.AgainPasskey(ctx, se, here, state, theirs.get(o)), access.ErrPasskey)
	if w.Fresh(w.must(in.Token)) {
		t.Error("fresh by another's passkey")
	}
	is(t, "with one's own", w.AgainPasskey(ctx, se, here, state, l.get(o)), nil)
	if !w.Fresh(w.must(in.Token)) {
		t.Error("not fresh by one's own passkey")
	}
}

// TestPasskeysOfOnesOwn: a second one, then the first away; the last stays.
func TestPasskeysOfOnesOwn(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	first, second := newLaptop(t), newLaptop(t)
	se := w.must(w.joinByPasskey("ayse", first, access.Invitation{City: "izsu", Role: access.Clerk}).Token)
	state, o, err := w.AddPasskey(ctx, se, here)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.KeepPasskey(ctx, se, here, state, " Gişe\u202e  3 ", second.create(o)); err != nil {
		t.Fatal(err)
	}
	own, err := w.Own(ctx, se)
	if err != nil || len(own.Passkeys) != 2 || own.Passkeys[1].Name != "Gişe 3" {
		t.Fatalf("got %+v, %v; want two, one named", own.Passkeys, err)
	}
	if err := w.DropPasskey(ctx, se, b64(first.id)); err != nil {
		t.Fatal(err)
	}
	state, o, _ = w.AskPasskey(here)
	_, err = w.Passkey(ctx, here, state, first.get(o))
	is(t, "one that was taken away", err, access.ErrPasskey)
	is(t, "the last", w.DropPasskey(ctx, se, b64(second.id)), access.ErrOnlyWay)
	is(t, "none of theirs", w.DropPasskey(ctx, se, b64(first.id)), access.ErrUnknown)

	// Who leaves takes their passkeys' use along.
	boss := w.must(w.joinByPasskey("yonetici", newLaptop(t), access.Invitation{City: "izsu", Role: access.Administrator}).Token)
	if err := w.Retire(ctx, boss, "izsu", se.Account); err != nil {
		t.Fatal(err)
	}
	state, o, _ = w.AskPasskey(here)
	_, err = w.Passkey(ctx, here, state, second.get(o))
	is(t, "a leaver's", err, access.ErrPasskey)
}
