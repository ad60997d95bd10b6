package sqlstore

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"time"

	"turnike/internal/access"
	"turnike/internal/audit"
	"turnike/internal/pairing"
	"turnike/internal/person"
	"turnike/internal/storage/dbq"
)

var _ access.Tx = (*Tx)(nil)

// failAccess is fail with the access module's word for "no rows".
func (t *Tx) failAccess(what string, err error) error {
	if err = t.fail(what, err); errors.Is(err, pairing.ErrNoRow) {
		return access.ErrNoRow
	}
	return err
}

// oneAccess says access.ErrNoRow for an update that found nothing.
func oneAccess(n int64, err error) error {
	if err == nil && n == 0 {
		return access.ErrNoRow
	}
	return err
}

// InsertAccount writes somebody new; false means that their user name, or
// their account elsewhere, is taken.
func (t *Tx) InsertAccount(ctx context.Context, a access.Account) (bool, error) {
	id, err := mustID("account", a.ID)
	if err != nil {
		return false, err
	}
	if err := t.direct(ctx); err != nil {
		return false, err
	}
	n, err := t.q.InsertAccount(ctx, dbq.InsertAccountParams{City: a.City, ID: id, Version: a.Version, State: leftState(a.Left),
		Role: string(a.Role), Centres: strings.Join(a.Centres, " "), LoginTag: tagOrNull(a.Login), OutsideTag: tagOrNull(a.Outside),
		KeyRef: string(a.Key), Sealed: filled(a.Sealed), TotpStep: a.Step, Fails: int64(a.Fails), KnownFails: int64(a.Known),
		FailedUs: nullUS(a.Failed), SeenUs: nullUS(a.Seen), CreatedUs: us(a.Created), ChangedUs: us(a.Changed)})
	return n == 1, t.failAccess("insert account", err)
}

// UpdateAccount writes a where its version still stands.
func (t *Tx) UpdateAccount(ctx context.Context, a access.Account) (bool, error) {
	id, err := mustID("account", a.ID)
	if err != nil {
		return false, err
	}
	if err := t.direct(ctx); err != nil {
		return false, err
	}
	n, err := t.q.UpdateAccount(ctx, dbq.UpdateAccountParams{City: a.City, ID: id, Version: a.Version, State: leftState(a.Left),
		Role: string(a.Role), Centres: strings.Join(a.Centres, " "), LoginTag: tagOrNull(a.Login), OutsideTag: tagOrNull(a.Outside),
		Sealed: filled(a.Sealed), TotpStep: a.Step, Fails: int64(a.Fails), KnownFails: int64(a.Known),
		FailedUs: nullUS(a.Failed), SeenUs: nullUS(a.Seen), ChangedUs: us(a.Changed)})
	return n == 1, t.failAccess("update account", err)
}

func leftState(left bool) int64 {
	if left {
		return 2
	}
	return 1
}

// Account reads somebody, locked in a writing transaction.
func (t *Tx) Account(ctx context.Context, city, id string) (access.Account, error) {
	key, ok := binID(id)
	if !ok {
		return access.Account{}, access.ErrNoRow
	}
	r, err := t.q.Account(ctx, dbq.AccountParams{City: city, ID: key})
	return accountOf(r), t.failAccess("read account", err)
}

// AccountByLogin finds somebody by their user name.
func (t *Tx) AccountByLogin(ctx context.Context, login person.Tag) (access.Account, error) {
	r, err := t.q.AccountByLogin(ctx, login[:])
	return accountOf(r), t.failAccess("read account by user name", err)
}

// AccountByOutside finds somebody by their account at the city's own sign-in.
func (t *Tx) AccountByOutside(ctx context.Context, city string, outside person.Tag) (access.Account, error) {
	r, err := t.q.AccountByOutside(ctx, dbq.AccountByOutsideParams{City: city, OutsideTag: outside[:]})
	return accountOf(r), t.failAccess("read account by outside account", err)
}

// Accounts pages through a tenant's people.
func (t *Tx) Accounts(ctx context.Context, city, after string, limit int) ([]access.Account, error) {
	rows, err := t.q.Accounts(ctx, dbq.AccountsParams{City: city, After: behindID(after), MaxRows: int32(limit)})
	return each(rows, accountOf), t.failAccess("read accounts", err)
}

// behindID is the id to begin after; none is before every id.
func behindID(id string) []byte {
	b, ok := binID(id)
	if !ok {
		return []byte{}
	}
	return b
}

func accountOf(r dbq.AccessAccount) access.Account {
	return access.Account{City: r.City, ID: textID(r.ID), Version: r.Version, Left: r.State == 2, Role: access.Role(r.Role),
		Centres: strings.Fields(r.Centres), Login: tagOf(r.LoginTag), Outside: tagOf(r.OutsideTag), Key: person.KeyRef(r.KeyRef),
		Sealed: r.Sealed, Step: r.TotpStep, Fails: int(r.Fails), Known: int(r.KnownFails), Failed: maybeAt(r.FailedUs),
		Seen: maybeAt(r.SeenUs), Created: at(r.CreatedUs), Changed: at(r.ChangedUs)}
}

// InsertAccessSession begins a session.
func (t *Tx) InsertAccessSession(ctx context.Context, s access.SessionRow) error {
	account, err := mustID("account", s.Account)
	if err != nil {
		return err
	}
	if err := t.direct(ctx); err != nil {
		return err
	}
	return t.failAccess("insert session", t.q.InsertAccessSession(ctx, dbq.InsertAccessSessionParams{City: s.City, ID: s.ID[:],
		Account: account, Sealed: filled(s.Sealed), How: s.How, Desk: s.Desk, MadeUs: us(s.Made), SeenUs: us(s.Seen), StrongUs: us(s.Strong)}))
}

// AccessSession reads a session with its account's role of now.
func (t *Tx) AccessSession(ctx context.Context, city string, id person.Tag) (access.SessionRow, error) {
	r, err := t.q.AccessSession(ctx, dbq.AccessSessionParams{City: city, ID: id[:]})
	return access.SessionRow{City: r.City, ID: tagOf(r.ID), Account: textID(r.Account), Sealed: r.Sealed, How: r.How, Desk: r.Desk,
		Made: at(r.MadeUs), Seen: at(r.SeenUs), Strong: at(r.StrongUs), Role: access.Role(r.Role),
		Centres: strings.Fields(r.Centres)}, t.failAccess("read session", err)
}

// UpdateAccessSession writes what changes of a session.
func (t *Tx) UpdateAccessSession(ctx context.Context, s access.SessionRow) error {
	if err := t.direct(ctx); err != nil {
		return err
	}
	n, err := t.q.UpdateAccessSession(ctx, dbq.UpdateAccessSessionParams{City: s.City, ID: s.ID[:], Desk: s.Desk,
		SeenUs: us(s.Seen), StrongUs: us(s.Strong)})
	return oneAccess(n, t.failAccess("update session", err))
}

// DropAccessSession ends one; one that is not there is no error.
func (t *Tx) DropAccessSession(ctx context.Context, city, account string, id person.Tag) error {
	key, ok := binID(account)
	if !ok {
		return access.ErrNoRow
	}
	if err := t.direct(ctx); err != nil {
		return err
	}
	_, err := t.q.DropAccessSession(ctx, dbq.DropAccessSessionParams{City: city, Account: key, ID: id[:]})
	return t.failAccess("drop session", err)
}

// DropAccessSessions ends all of somebody's but one.
func (t *Tx) DropAccessSessions(ctx context.Context, city, account string, spare person.Tag) error {
	key, ok := binID(account)
	if !ok {
		return access.ErrNoRow
	}
	if err := t.direct(ctx); err != nil {
		return err
	}
	_, err := t.q.DropAccessSessions(ctx, dbq.DropAccessSessionsParams{City: city, Account: key, Spare: spare[:]})
	return t.failAccess("drop sessions", err)
}

// AccessSessionsOf are somebody's sessions.
func (t *Tx) AccessSessionsOf(ctx context.Context, city, account string) ([]access.SessionRow, error) {
	key, ok := binID(account)
	if !ok {
		return nil, access.ErrNoRow
	}
	rows, err := t.q.AccessSessionsOf(ctx, dbq.AccessSessionsOfParams{City: city, Account: key})
	return each(rows, func(r dbq.AccessSession) access.SessionRow {
		return access.SessionRow{City: r.City, ID: tagOf(r.ID), Account: textID(r.Account), Sealed: r.Sealed, How: r.How, Desk: r.Desk,
			Made: at(r.MadeUs), Seen: at(r.SeenUs), Strong: at(r.StrongUs)}
	}), t.failAccess("read sessions", err)
}

// SweepAccessSessions forgets those made before a moment.
func (t *Tx) SweepAccessSessions(ctx context.Context, before time.Time) (int, error) {
	if err := t.direct(ctx); err != nil {
		return 0, err
	}
	n, err := t.q.SweepAccessSessions(ctx, us(before))
	return int(n), t.failAccess("sweep sessions", err)
}

// InsertInvite writes an invitation.
func (t *Tx) InsertInvite(ctx context.Context, i access.InviteRow) error {
	account, err := maybeID("account", i.Account)
	if err != nil {
		return err
	}
	if err := t.direct(ctx); err != nil {
		return err
	}
	return t.failAccess("insert invitation", t.q.InsertInvite(ctx, dbq.InsertInviteParams{City: i.City, ID: i.ID[:],
		Role: string(i.Role), Centres: strings.Join(i.Centres, " "), Account: account, OutsideTag: tagOrNull(i.Outside),
		Actor: i.Actor, MadeUs: us(i.Made), ExpiresUs: us(i.Expires)}))
}

// Invite reads one.
func (t *Tx) Invite(ctx context.Context, city string, id person.Tag) (access.InviteRow, error) {
	r, err := t.q.Invite(ctx, dbq.InviteParams{City: city, ID: id[:]})
	return inviteOf(r), t.failAccess("read invitation", err)
}

// InviteByOutside is the newest good one for an account elsewhere.
func (t *Tx) InviteByOutside(ctx context.Context, city string, outside person.Tag, now time.Time) (access.InviteRow, error) {
	r, err := t.q.InviteByOutside(ctx, dbq.InviteByOutsideParams{City: city, OutsideTag: outside[:], NowUs: us(now)})
	return inviteOf(r), t.failAccess("read invitation by outside account", err)
}

// OpenInvites are those a tenant still waits for.
func (t *Tx) OpenInvites(ctx context.Context, city string, now time.Time) ([]access.InviteRow, error) {
	rows, err := t.q.OpenInvites(ctx, dbq.OpenInvitesParams{City: city, NowUs: us(now)})
	return each(rows, inviteOf), t.failAccess("read open invitations", err)
}

// UseInvite takes one; false means that it is gone.
func (t *Tx) UseInvite(ctx context.Context, city string, id person.Tag, now time.Time) (bool, error) {
	if err := t.direct(ctx); err != nil {
		return false, err
	}
	n, err := t.q.UseInvite(ctx, dbq.UseInviteParams{City: city, ID: id[:], UsedUs: nullUS(now)})
	return n == 1, t.failAccess("use invitation", err)
}

func inviteOf(r dbq.AccessInvite) access.InviteRow {
	return access.InviteRow{City: r.City, ID: tagOf(r.ID), Role: access.Role(r.Role), Centres: strings.Fields(r.Centres),
		Account: textID(r.Account), Outside: tagOf(r.OutsideTag), Actor: r.Actor, Made: at(r.MadeUs), Expires: at(r.ExpiresUs),
		Used: maybeAt(r.UsedUs)}
}

// InsertAccessDevice writes a screen that waits for its code; false means that
// another waits under the same two digits.
func (t *Tx) InsertAccessDevice(ctx context.Context, d access.Device) (bool, error) {
	id, err := mustID("device", d.ID)
	if err != nil {
		return false, err
	}
	if err := t.direct(ctx); err != nil {
		return false, err
	}
	n, err := t.q.InsertAccessDevice(ctx, dbq.InsertAccessDeviceParams{City: d.City, ID: id, Centre: d.Centre, Kind: d.Kind,
		Name: d.Name, Pick: int64(d.Pick), Code: d.Code[:], CodeUntilUs: nullUS(d.CodeUntil), Token: d.Token[:], MadeUs: us(d.Made)})
	return n == 1, t.failAccess("insert device", err)
}

// UpdateAccessDevice writes what changes of a screen.
func (t *Tx) UpdateAccessDevice(ctx context.Context, d access.Device) error {
	id, err := mustID("device", d.ID)
	if err != nil {
		return err
	}
	if err := t.direct(ctx); err != nil {
		return err
	}
	n, err := t.q.UpdateAccessDevice(ctx, dbq.UpdateAccessDeviceParams{City: d.City, ID: id, CodeUntilUs: nullUS(d.CodeUntil),
		Tries: int64(d.Tries), Token: d.Token[:], EnrolledUs: nullUS(d.Enrolled), SeenUs: nullUS(d.Seen), EndedUs: nullUS(d.Ended)})
	return oneAccess(n, t.failAccess("update device", err))
}

// AccessDevice reads a screen.
func (t *Tx) AccessDevice(ctx context.Context, city, id string) (access.Device, error) {
	key, ok := binID(id)
	if !ok {
		return access.Device{}, access.ErrNoRow
	}
	r, err := t.q.AccessDevice(ctx, dbq.AccessDeviceParams{City: city, ID: key})
	return screenOf(r), t.failAccess("read device", err)
}

// AccessDeviceByPick finds the screen that waits for a code.
func (t *Tx) AccessDeviceByPick(ctx context.Context, pick int) (access.Device, error) {
	r, err := t.q.AccessDeviceByPick(ctx, int64(pick))
	return screenOf(r), t.failAccess("read device by code", err)
}

// AccessDevices pages through a tenant's screens.
func (t *Tx) AccessDevices(ctx context.Context, city, after string, limit int) ([]access.Device, error) {
	rows, err := t.q.AccessDevices(ctx, dbq.AccessDevicesParams{City: city, After: behindID(after), MaxRows: int32(limit)})
	return each(rows, screenOf), t.failAccess("read devices", err)
}

func screenOf(r dbq.AccessDevice) access.Device {
	return access.Device{City: r.City, ID: textID(r.ID), Centre: r.Centre, Kind: r.Kind, Name: r.Name, Pick: int(r.Pick),
		Code: tagOf(r.Code), CodeUntil: maybeAt(r.CodeUntilUs), Tries: int(r.Tries), Token: tagOf(r.Token), Made: at(r.MadeUs),
		Enrolled: maybeAt(r.EnrolledUs), Seen: maybeAt(r.SeenUs), Ended: maybeAt(r.EndedUs)}
}

// AuditBefore is a tenant's audit, newest first, before a row; "" is from the
// newest.
func (t *Tx) AuditBefore(ctx context.Context, city, before string, limit int) ([]audit.Entry, error) {
	if t.bufs != nil {
		if err := t.settle(ctx, t.bufs.audit); err != nil {
			return nil, err
		}
	}
	key, ok := binID(before)
	if !ok {
		key = bytes.Repeat([]byte{0xff}, 16) // after every id
	}
	rows, err := t.q.AuditBefore(ctx, dbq.AuditBeforeParams{City: city, Before: key, MaxRows: int32(limit)})
	return each(rows, entryOf), t.failAccess("read audit", err)
}
