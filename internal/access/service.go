package access

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/uuid/v5"

	"turnike/internal/audit"
	"turnike/internal/city"
	"turnike/internal/fault"
	"turnike/internal/person"
)

// How long things last. Decision 0010 says why.
const (
	InviteLife = 72 * time.Hour
	StepUp     = 5 * time.Minute // a proof is fresh for as long
	// A working day ends every session. Somebody at a counter or on the phone
	// may be away for a meal; a console with rights over many people closes
	// sooner.
	SessionLife = 12 * time.Hour
	IdleCounter = 2 * time.Hour
	IdleConsole = 30 * time.Minute
	// halfLife is how long somebody may take between two steps of signing in.
	halfLife = 5 * time.Minute
	// draftLife is how long an invitation's second page waits for the first
	// code: people install an application meanwhile.
	draftLife = time.Hour
	// touchEvery is how often "last seen" is written.
	touchEvery = time.Minute
)

// Tenant is somewhere people can work.
type Tenant struct {
	ID      string
	Name    city.Text
	Centres []Place
}

// Place is a centre of a tenant.
type Place struct{ ID, Name string }

// Has tells whether a centre is the tenant's.
func (t Tenant) Has(centre string) bool {
	return slices.ContainsFunc(t.Centres, func(p Place) bool { return p.ID == centre })
}

// Config is what the service needs, all of it.
type Config struct {
	Store Store
	Keys  person.Keyring
	// Tenants are all there are, in the order shown; Everywhere is not among
	// them.
	Tenants func() []Tenant
	Now     func() time.Time
}

// Service is who works here. It is safe for concurrent use.
type Service struct {
	cfg    Config
	hasher hasher
	crowd  crowd
}

// New makes a service.
func New(c Config) *Service {
	return &Service{cfg: c, hasher: hasher{slots: make(chan struct{}, 2)}}
}

// Tenants are all there are.
func (s *Service) Tenants() []Tenant { return s.cfg.Tenants() }

// Tenant is one of them.
func (s *Service) Tenant(id string) (Tenant, bool) {
	all := s.cfg.Tenants()
	i := slices.IndexFunc(all, func(t Tenant) bool { return t.ID == id })
	if i < 0 {
		return Tenant{}, false
	}
	return all[i], true
}

// Faults of this package.
var (
	ErrUnknown = fault.New(fault.NotFound, "staff.unknown")
	// ErrWrong says as much to who guesses as to who mistyped: whether the
	// name, the password or the code was wrong, or whether there were too many
	// tries, is not told.
	ErrWrong   = fault.New(fault.Invalid, "staff.wrong")
	ErrCode    = fault.New(fault.Invalid, "staff.code")
	ErrLapsed  = fault.New(fault.Gone, "staff.lapsed")
	ErrInvite  = fault.New(fault.Gone, "staff.invite_over")
	ErrTaken   = fault.New(fault.Conflict, "staff.login_taken")
	ErrBusy    = fault.New(fault.Unavailable, "staff.busy").After(5 * time.Second)
	ErrLast    = fault.New(fault.Refused, "staff.last_administrator")
	ErrPasskey = fault.New(fault.Invalid, "staff.passkey")
	ErrRole    = fault.New(fault.Invalid, "staff.role")
	ErrCentre  = fault.New(fault.Invalid, "staff.centre")
	ErrMoved   = fault.New(fault.Conflict, "staff.moved")
)

func newID(now time.Time) string { return uuid.Must(uuid.NewV7AtTime(now)).String() }

// secret is 32 letters nobody guesses.
func secret() string {
	var b [24]byte
	rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// digest is what is kept of a token: who reads the table cannot use it.
func digest(token string) (t person.Tag) {
	sum := sha256.Sum256([]byte(token))
	copy(t[:], sum[:])
	return t
}

// A token begins with its tenant, so that it is found by its table's key;
// Everywhere goes as "_".
func newToken(city string) (token string, id person.Tag) {
	x := secret()
	if city == Everywhere {
		city = "_"
	}
	return city + "." + x, digest(x)
}

func splitToken(token string) (city string, id person.Tag, ok bool) {
	city, x, ok := strings.Cut(token, ".")
	if !ok || city == "" || len(x) != 32 || len(city) > 40 {
		return "", person.Tag{}, false
	}
	if city == "_" {
		city = Everywhere
	}
	return city, digest(x), true
}

// record is what an account's row seals: all that tells of a person, and what
// they prove themselves by.
type record struct {
	Name     string    `json:"n"`
	Login    string    `json:"l,omitempty"`
	Phone    string    `json:"p,omitempty"`
	Hash     string    `json:"h,omitempty"` // argon2id of the password
	Secret   string    `json:"t,omitempty"` // of the one-time codes, base32
	Recovery []string  `json:"r,omitempty"` // digests of the codes left
	Passkeys []passkey `json:"k,omitempty"`
}

func sealedAt(city, id string) string { return "access_account/" + city + "/" + id }

func (s *Service) seal(ctx context.Context, a *Account, r record) error {
	b, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("seal account: %w", err)
	}
	if a.Sealed, err = s.cfg.Keys.Seal(ctx, a.Key, sealedAt(a.City, a.ID), b); err != nil {
		return fmt.Errorf("seal account: %w", err)
	}
	return nil
}

func (s *Service) open(ctx context.Context, a Account) (r record, err error) {
	b, err := s.cfg.Keys.Open(ctx, a.Key, sealedAt(a.City, a.ID), a.Sealed)
	if err != nil {
		return r, fmt.Errorf("open account: %w", err)
	}
	if err := json.Unmarshal(b, &r); err != nil {
		return r, fmt.Errorf("open account: %w", err)
	}
	return r, nil
}

// entry is an audit row about an account, an invitation or a screen.
func (s *Service) entry(by audit.Actor, city, action, object, result string) audit.Entry {
	now := s.cfg.Now()
	return audit.Entry{ID: newID(now), City: city, At: now, Actor: by, Action: action, Object: object, Result: result}
}

func self(account string) audit.Actor {
	return audit.Actor{Kind: "staff", Ref: account, Channel: "console"}
}

// change reads somebody, lets fn change them, and writes them back with what
// with adds, in one transaction. Sealing is done outside of it, so where
// another change came between all of it is done again; fn runs as often.
func (s *Service) change(ctx context.Context, city, id string, fn func(a *Account, r *record) error, with func(tx Tx, a Account) error) (Account, record, error) {
	for range 8 {
		var a Account
		err := s.cfg.Store.View(ctx, func(tx Tx) (err error) {
			a, err = tx.Account(ctx, city, id)
			return err
		})
		if errors.Is(err, ErrNoRow) {
			return a, record{}, ErrUnknown
		}
		if err != nil {
			return a, record{}, fmt.Errorf("read account: %w", err)
		}
		r, err := s.open(ctx, a)
		if err != nil {
			return a, r, err
		}
		if err := fn(&a, &r); err != nil {
			return a, r, err
		}
		a.Changed = s.cfg.Now()
		if err := s.seal(ctx, &a, r); err != nil {
			return a, r, err
		}
		err = s.cfg.Store.Update(ctx, func(tx Tx) error {
			ok, err := tx.UpdateAccount(ctx, a)
			if err != nil {
				return err
			}
			if !ok {
				return errMoved
			}
			if with == nil {
				return nil
			}
			return with(tx, a)
		})
		if !errors.Is(err, errMoved) {
			return a, r, err
		}
	}
	return Account{}, record{}, ErrMoved
}

// SealState keeps something between two pages in the reader's browser, where
// they can neither read nor change it. what says what for: a state opens
// nowhere else.
func (s *Service) SealState(what string, v any) (string, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("seal %s: %w", what, err)
	}
	ct, err := s.cfg.Keys.SealShort("access/"+what, b)
	if err != nil {
		return "", fmt.Errorf("seal %s: %w", what, err)
	}
	return base64.RawURLEncoding.EncodeToString(ct), nil
}

// OpenState undoes SealState; what is not ours, or too old, is ErrLapsed.
func (s *Service) OpenState(what, state string, v any) error {
	ct, err := base64.RawURLEncoding.DecodeString(state)
	if err != nil {
		return ErrLapsed
	}
	b, err := s.cfg.Keys.OpenShort("access/"+what, ct)
	if err != nil {
		return ErrLapsed // ours or not: who sent it begins again
	}
	if err := json.Unmarshal(b, v); err != nil {
		return ErrLapsed
	}
	return nil
}
