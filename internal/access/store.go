package access

import (
	"context"
	"errors"
	"time"

	"turnike/internal/audit"
	"turnike/internal/person"
)

// Errors of a Store that the service acts on.
var (
	// ErrNoRow: there is no such row.
	ErrNoRow = errors.New("access: no such row")
	// errMoved: another change came between reading and writing; the deed
	// begins again.
	errMoved = errors.New("access: changed meanwhile")
)

// Account is somebody's row. Sealed holds what tells of them (see record).
type Account struct {
	City, ID string // the tenant, a UUID
	Version  int64
	Left     bool // works here no more
	Role     Role
	Centres  []string
	Login    person.Tag // of the user name; zero for none
	Outside  person.Tag // of the account at the city's own sign-in
	Key      person.KeyRef
	Sealed   []byte
	Step     int64 // of the last one-time code that was taken (RFC 6238)
	Fails    int   // wrong tries in a row from browsers that never signed in here
	Known    int   // and from those that did
	Failed   time.Time
	Seen     time.Time // last sign-in
	Created  time.Time
	Changed  time.Time
}

// SessionRow is a session as it is kept. ID is the digest of its token.
type SessionRow struct {
	City       string
	ID         person.Tag
	Account    string
	Sealed     []byte // the name, under a key that is gone in days
	How        string // passkey, password, outside
	Desk       string
	Made, Seen time.Time
	Strong     time.Time
	Role       Role     // of the account, as it is now
	Centres    []string // likewise
}

// InviteRow is an invitation. ID is the digest of its token.
type InviteRow struct {
	City    string
	ID      person.Tag
	Role    Role
	Centres []string
	Account string     // for somebody who is here and lost their keys; else ""
	Outside person.Tag // who may use it at the city's own sign-in
	Actor   string
	Made    time.Time
	Expires time.Time
	Used    time.Time
}

// Device is a screen's row.
type Device struct {
	City, ID   string
	Centre     string
	Kind, Name string
	Pick       int        // the first two digits of its code
	Code       person.Tag // of the other six
	CodeUntil  time.Time  // zero once used or spent
	Tries      int
	Token      person.Tag
	Made       time.Time
	Enrolled   time.Time
	Seen       time.Time
	Ended      time.Time
}

// AccountTx is what a transaction does with people.
type AccountTx interface {
	InsertAccount(ctx context.Context, a Account) (bool, error)
	// UpdateAccount writes a where its version still stands, and counts it on.
	UpdateAccount(ctx context.Context, a Account) (bool, error)
	Account(ctx context.Context, city, id string) (Account, error)
	AccountByLogin(ctx context.Context, login person.Tag) (Account, error)
	AccountByOutside(ctx context.Context, city string, outside person.Tag) (Account, error)
	Accounts(ctx context.Context, city, after string, limit int) ([]Account, error)
	InsertInvite(ctx context.Context, i InviteRow) error
	Invite(ctx context.Context, city string, id person.Tag) (InviteRow, error)
	InviteByOutside(ctx context.Context, city string, outside person.Tag, now time.Time) (InviteRow, error)
	OpenInvites(ctx context.Context, city string, now time.Time) ([]InviteRow, error)
	UseInvite(ctx context.Context, city string, id person.Tag, now time.Time) (bool, error)
}

// SessionTx is what a transaction does with sessions.
type SessionTx interface {
	InsertAccessSession(ctx context.Context, s SessionRow) error
	AccessSession(ctx context.Context, city string, id person.Tag) (SessionRow, error)
	UpdateAccessSession(ctx context.Context, s SessionRow) error
	DropAccessSession(ctx context.Context, city, account string, id person.Tag) error
	// DropAccessSessions ends all of somebody's but one; a zero tag spares none.
	DropAccessSessions(ctx context.Context, city, account string, spare person.Tag) error
	AccessSessionsOf(ctx context.Context, city, account string) ([]SessionRow, error)
	SweepAccessSessions(ctx context.Context, before time.Time) (int, error)
}

// DeviceTx is what a transaction does with screens.
type DeviceTx interface {
	InsertAccessDevice(ctx context.Context, d Device) (bool, error)
	UpdateAccessDevice(ctx context.Context, d Device) error
	AccessDevice(ctx context.Context, city, id string) (Device, error)
	AccessDeviceByPick(ctx context.Context, pick int) (Device, error)
	AccessDevices(ctx context.Context, city, after string, limit int) ([]Device, error)
}

// Tx is what access needs of a transaction.
type Tx interface {
	audit.Log
	// AuditBefore is a tenant's audit, newest first, before a row; "" is from
	// the newest.
	AuditBefore(ctx context.Context, city, before string, limit int) ([]audit.Entry, error)
	AccountTx
	SessionTx
	DeviceTx
}

// Store runs transactions; see storage.
type Store interface {
	Update(ctx context.Context, fn func(Tx) error) error
	View(ctx context.Context, fn func(Tx) error) error
}
