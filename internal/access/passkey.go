package access

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
)

// RP is the site a passkey belongs to: its host, and the origin pages are read
// from. A browser gives a passkey to no other.
type RP struct {
	Host   string // "kart.example", without a port
	Origin string // "https://kart.example"
}

// passkey is one of somebody's.
type passkey struct {
	Name string              `json:"n"` // what they call the machine it is on
	Made time.Time           `json:"m"`
	Key  webauthn.Credential `json:"k"`
}

// ceremony is a passkey's exchange between its two pages.
type ceremony struct {
	Data webauthn.SessionData
	At   time.Time
}

// keyUser is an account as the exchange sees it.
type keyUser struct {
	handle []byte
	record record
}

func (u keyUser) WebAuthnID() []byte          { return u.handle }
func (u keyUser) WebAuthnName() string        { return u.record.Login }
func (u keyUser) WebAuthnDisplayName() string { return u.record.Login }
func (u keyUser) WebAuthnCredentials() []webauthn.Credential {
	var all []webauthn.Credential
	for _, k := range u.record.Passkeys {
		all = append(all, k.Key)
	}
	return all
}

// A handle tells the account a passkey is for: tenant and id, nothing about
// the person.
func handle(city, id string) []byte { return []byte(id + "." + city) }

func splitHandle(h []byte) (city, id string, ok bool) {
	id, city, ok = strings.Cut(string(h), ".")
	return city, id, ok && city != ""
}

// party is the exchange's other side. The device must have checked that it is
// its owner who holds it (PIN or biometry): so a passkey is both factors.
func party(rp RP) (*webauthn.WebAuthn, error) {
	w, err := webauthn.New(&webauthn.Config{RPID: rp.Host, RPDisplayName: "Turnike", RPOrigins: []string{rp.Origin},
		AuthenticatorSelection: protocol.AuthenticatorSelection{ResidentKey: protocol.ResidentKeyRequirementRequired,
			UserVerification: protocol.VerificationRequired}})
	if err != nil {
		return nil, fmt.Errorf("passkeys for this address: %w", err)
	}
	return w, nil
}

// create begins making a passkey.
func (s *Service) create(rp RP, city, id string, r record) (ceremony, []byte, error) {
	w, err := party(rp)
	if err != nil {
		return ceremony{}, nil, err
	}
	u := keyUser{handle(city, id), r}
	var none []protocol.CredentialDescriptor
	for _, c := range u.WebAuthnCredentials() {
		none = append(none, c.Descriptor())
	}
	options, data, err := w.BeginRegistration(u, webauthn.WithExclusions(none))
	if err != nil {
		return ceremony{}, nil, fmt.Errorf("begin passkey: %w", err)
	}
	b, err := json.Marshal(options.Response)
	if err != nil {
		return ceremony{}, nil, fmt.Errorf("begin passkey: %w", err)
	}
	return ceremony{Data: *data, At: s.cfg.Now()}, b, nil
}

// created ends making one.
func (s *Service) created(rp RP, c *ceremony, city, id string, r *record, name string, credential []byte) error {
	if c == nil || s.cfg.Now().Sub(c.At) >= draftLife {
		return ErrLapsed
	}
	w, err := party(rp)
	if err != nil {
		return err
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(credential)
	if err != nil {
		return ErrPasskey
	}
	key, err := w.CreateCredential(keyUser{handle(city, id), *r}, c.Data, parsed)
	if err != nil {
		return ErrPasskey
	}
	key.Attestation = webauthn.CredentialAttestation{} // large, and nothing here asks for it
	r.Passkeys = append(r.Passkeys, passkey{Name: name, Made: s.cfg.Now(), Key: *key})
	return nil
}

// DraftPasskey reads the first page of an invitation, for a passkey.
func (s *Service) DraftPasskey(ctx context.Context, token string, n Newcomer, rp RP) (Draft, error) {
	d, row, err := s.beginDraft(ctx, token, n, false)
	if err != nil {
		return Draft{}, err
	}
	c, options, err := s.create(rp, row.City, d.ID, d.Record)
	if err != nil {
		return Draft{}, err
	}
	d.Key = &c
	state, err := s.SealState("draft", d)
	return Draft{State: state, Login: d.Record.Login, Options: options}, err
}

// AcceptPasskey ends an invitation with a passkey just made.
func (s *Service) AcceptPasskey(ctx context.Context, token, state string, credential []byte, rp RP) (In, error) {
	d, row, err := s.openDraft(ctx, token, state)
	if err != nil {
		return In{}, err
	}
	if err := s.created(rp, d.Key, row.City, d.ID, &d.Record, "", credential); err != nil {
		return In{}, err
	}
	return s.accept(ctx, row, d, 0, "passkey")
}

// AskPasskey begins signing in, or a step-up, with a passkey. state comes back
// with the answer.
func (s *Service) AskPasskey(rp RP) (state string, options []byte, err error) {
	w, err := party(rp)
	if err != nil {
		return "", nil, err
	}
	o, data, err := w.BeginDiscoverableLogin(webauthn.WithUserVerification(protocol.VerificationRequired))
	if err != nil {
		return "", nil, fmt.Errorf("ask for a passkey: %w", err)
	}
	if options, err = json.Marshal(o.Response); err != nil {
		return "", nil, fmt.Errorf("ask for a passkey: %w", err)
	}
	state, err = s.SealState("passkey", ceremony{Data: *data, At: s.cfg.Now()})
	return state, options, err
}

// proven checks an answer: whose it is, and their passkeys with the counter on.
func (s *Service) proven(ctx context.Context, rp RP, state string, credential []byte) (city, id string, key *webauthn.Credential, err error) {
	var c ceremony
	if err := s.OpenState("passkey", state, &c); err != nil {
		return "", "", nil, err
	}
	if s.cfg.Now().Sub(c.At) >= draftLife {
		return "", "", nil, ErrLapsed
	}
	w, err := party(rp)
	if err != nil {
		return "", "", nil, err
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(credential)
	if err != nil {
		return "", "", nil, ErrPasskey
	}
	var ours error
	key, err = w.ValidateDiscoverableLogin(func(_, h []byte) (webauthn.User, error) {
		var ok bool
		if city, id, ok = splitHandle(h); !ok {
			return nil, ErrPasskey
		}
		var a Account
		err := s.cfg.Store.View(ctx, func(tx Tx) (err error) { a, err = tx.Account(ctx, city, id); return err })
		if errors.Is(err, ErrNoRow) || err == nil && a.Left {
			return nil, ErrPasskey
		}
		var r record
		if err == nil {
			r, err = s.open(ctx, a)
		}
		ours = err
		return keyUser{h, r}, err
	}, c.Data, parsed)
	switch {
	case ours != nil:
		return "", "", nil, fmt.Errorf("check passkey: %w", ours)
	case err != nil || key.Authenticator.CloneWarning:
		return "", "", nil, ErrPasskey
	}
	return city, id, key, nil
}

// use writes a passkey's counter on, and refuses one taken away meanwhile.
func use(r *record, key *webauthn.Credential) error {
	for i, k := range r.Passkeys {
		if bytes.Equal(k.Key.ID, key.ID) {
			r.Passkeys[i].Key.Authenticator, r.Passkeys[i].Key.Flags = key.Authenticator, key.Flags
			return nil
		}
	}
	return ErrPasskey
}

// Passkey signs in.
func (s *Service) Passkey(ctx context.Context, rp RP, state string, credential []byte) (In, error) {
	city, id, key, err := s.proven(ctx, rp, state, credential)
	if err != nil {
		return In{}, err
	}
	return s.enter(ctx, city, id, func(_ *Account, r *record) (string, error) { return "passkey", use(r, key) })
}

// AgainPasskey is a step-up with a passkey of one's own.
func (s *Service) AgainPasskey(ctx context.Context, se Session, rp RP, state string, credential []byte) error {
	city, id, key, err := s.proven(ctx, rp, state, credential)
	if err != nil {
		return err
	}
	if city != se.City || id != se.Account {
		return ErrPasskey
	}
	if _, _, err := s.change(ctx, city, id, func(_ *Account, r *record) error { return use(r, key) }, nil); err != nil {
		return err
	}
	return s.strengthen(ctx, se, "passkey")
}

// AddPasskey begins a further passkey of one's own.
func (s *Service) AddPasskey(ctx context.Context, se Session, rp RP) (state string, options []byte, err error) {
	_, r, err := s.own(ctx, se)
	if err != nil {
		return "", nil, err
	}
	c, options, err := s.create(rp, se.City, se.Account, r)
	if err != nil {
		return "", nil, err
	}
	state, err = s.SealState("add/"+se.Account, c)
	return state, options, err
}

// KeepPasskey ends it. name is what they call the machine.
func (s *Service) KeepPasskey(ctx context.Context, se Session, rp RP, state, name string, credential []byte) error {
	var c ceremony
	if err := s.OpenState("add/"+se.Account, state, &c); err != nil {
		return err
	}
	name = plainName(name)
	_, _, err := s.change(ctx, se.City, se.Account, func(a *Account, r *record) error {
		return s.created(rp, &c, a.City, a.ID, r, name, credential)
	}, s.note(ctx, se, "staff.passkey_add"))
	return err
}

// plainName is what somebody calls a machine: printable, and not endless.
func plainName(name string) string {
	name = strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) || r == ' ' {
			return r
		}
		return -1
	}, name)), " ")
	if r := []rune(name); len(r) > 60 {
		name = string(r[:60])
	}
	return name
}

// DropPasskey takes one away; the last way in stays.
func (s *Service) DropPasskey(ctx context.Context, se Session, id string) error {
	raw, err := base64.RawURLEncoding.DecodeString(id)
	if err != nil {
		return ErrUnknown
	}
	_, _, err = s.change(ctx, se.City, se.Account, func(a *Account, r *record) error {
		for i, k := range r.Passkeys {
			if bytes.Equal(k.Key.ID, raw) {
				if len(r.Passkeys) == 1 && r.Hash == "" && a.Outside.IsZero() {
					return ErrOnlyWay
				}
				r.Passkeys = append(r.Passkeys[:i:i], r.Passkeys[i+1:]...)
				return nil
			}
		}
		return ErrUnknown
	}, s.note(ctx, se, "staff.passkey_drop"))
	return err
}
