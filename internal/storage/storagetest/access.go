package storagetest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"turnike/internal/access"
	"turnike/internal/person"
	"turnike/internal/storage/sqlstore"
)

func account(n int) access.Account {
	return access.Account{City: city, ID: newID(), Version: 1, Role: access.Clerk, Centres: []string{"konak", "bornova"}, Login: tag('l', n),
		Outside: tag('x', n), Key: "key", Sealed: []byte{0, 1, 255}, Step: 7, Fails: 1, Known: 2, Failed: t0, Seen: t0.Add(time.Second),
		Created: t0, Changed: t0}
}

func testAccounts(t *testing.T, s *sqlstore.Store) {
	a, bare := account(1), access.Account{City: city, ID: newID(), Version: 1, Role: access.Auditor, Key: "k", Created: t0, Changed: t0}
	inserted := func(what string, a access.Account, want bool) {
		t.Helper()
		update(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
			got, err := tx.InsertAccount(ctx, a)
			if got != want {
				t.Errorf("%s: got inserted %t, want %t", what, got, want)
			}
			return err
		})
	}
	inserted("somebody", a, true)
	inserted("somebody without a name to sign in by", bare, true)
	taken := account(2)
	taken.Login = a.Login
	taken.City = "bursa"
	inserted("a user name of another city's", taken, false)
	taken = account(2)
	taken.Outside = a.Outside
	inserted("an outside account of the same city's", taken, false)
	taken.City = "bursa"
	inserted("and of another's", taken, true)

	view(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
		got, err := tx.Account(ctx, city, a.ID)
		same(t, "account", got, a)
		byLogin, e2 := tx.AccountByLogin(ctx, a.Login)
		same(t, "by user name", byLogin, a)
		byOutside, e3 := tx.AccountByOutside(ctx, city, a.Outside)
		same(t, "by outside account", byOutside, a)
		_, e4 := tx.Account(ctx, "bursa", a.ID)
		is(t, "in another city", e4, access.ErrNoRow)
		_, e5 := tx.Account(ctx, city, "no id")
		is(t, "no id", e5, access.ErrNoRow)
		all, e6 := tx.Accounts(ctx, city, "", 10)
		same(t, "all", all, []access.Account{a, bare})
		rest, e7 := tx.Accounts(ctx, city, a.ID, 10)
		same(t, "the rest", rest, []access.Account{bare})
		return errors.Join(err, e2, e3, e6, e7)
	})

	a.Left, a.Login, a.Outside, a.Role, a.Centres, a.Step, a.Sealed = true, person.Tag{}, person.Tag{}, access.Manager, nil, 8, []byte{2}
	update(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
		ok, err := tx.UpdateAccount(ctx, a)
		if !ok {
			t.Error("a change at the version read: refused")
		}
		again, e2 := tx.UpdateAccount(ctx, a)
		if again {
			t.Error("a change at an older version: taken")
		}
		return errors.Join(err, e2)
	})
	a.Version = 2
	view(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
		got, err := tx.Account(ctx, city, a.ID)
		same(t, "changed", got, a)
		return err
	})
}

// testAccountRace: many changes at one version, one is taken.
func testAccountRace(t *testing.T, s *sqlstore.Store) {
	a := account(1)
	update(t, s, func(ctx context.Context, tx *sqlstore.Tx) error { _, err := tx.InsertAccount(ctx, a); return err })
	var mu sync.Mutex
	won := 0
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			var ok bool
			err := s.Update(t.Context(), func(tx *sqlstore.Tx) (err error) { ok, err = tx.UpdateAccount(t.Context(), a); return err })
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Errorf("update: %v", err)
			}
			if ok {
				won++
			}
		})
	}
	wg.Wait()
	if won != 1 {
		t.Errorf("got %d changes taken at one version, want 1", won)
	}
}

func testAccessSessions(t *testing.T, s *sqlstore.Store) {
	a := account(1)
	one := access.SessionRow{City: city, ID: tag('s', 1), Account: a.ID, Sealed: []byte{9}, How: "passkey", Desk: "", Made: t0, Seen: t0, Strong: t0}
	two := one
	two.ID, two.Made = tag('s', 2), t0.Add(time.Hour)
	update(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
		_, err := tx.InsertAccount(ctx, a)
		return errors.Join(err, tx.InsertAccessSession(ctx, one), tx.InsertAccessSession(ctx, two))
	})
	one.Desk, one.Seen, one.Strong = "3", t0.Add(time.Minute), t0.Add(2*time.Minute)
	update(t, s, func(ctx context.Context, tx *sqlstore.Tx) error { return tx.UpdateAccessSession(ctx, one) })
	view(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
		got, err := tx.AccessSession(ctx, city, one.ID)
		want := one
		want.Role, want.Centres = a.Role, a.Centres
		same(t, "with the role of now", got, want)
		_, e2 := tx.AccessSession(ctx, "bursa", one.ID)
		is(t, "in another city", e2, access.ErrNoRow)
		all, e3 := tx.AccessSessionsOf(ctx, city, a.ID)
		same(t, "all", all, []access.SessionRow{one, two})
		return errors.Join(err, e3)
	})
	// Who has left has no session, whatever rows there are.
	a.Left = true
	update(t, s, func(ctx context.Context, tx *sqlstore.Tx) error { _, err := tx.UpdateAccount(ctx, a); return err })
	view(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
		_, err := tx.AccessSession(ctx, city, one.ID)
		is(t, "a leaver's", err, access.ErrNoRow)
		return nil
	})
	update(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
		is(t, "one that is not there", tx.UpdateAccessSession(ctx, access.SessionRow{City: city, ID: tag('s', 9)}), access.ErrNoRow)
		return errors.Join(tx.DropAccessSession(ctx, city, newID(), one.ID), tx.DropAccessSessions(ctx, city, a.ID, two.ID))
	})
	left := func(what string, want ...access.SessionRow) {
		t.Helper()
		view(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
			all, err := tx.AccessSessionsOf(ctx, city, a.ID)
			same(t, what, all, want)
			return err
		})
	}
	left("all but one", two)
	update(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
		n, err := tx.SweepAccessSessions(ctx, t0.Add(2*time.Hour))
		if n != 1 {
			t.Errorf("swept %d, want 1", n)
		}
		return err
	})
	left("swept")
}

func testInvites(t *testing.T, s *sqlstore.Store) {
	i := access.InviteRow{City: city, ID: tag('v', 1), Role: access.Manager, Centres: []string{"konak"}, Account: newID(), Outside: tag('x', 1),
		Actor: "somebody", Made: t0, Expires: t0.Add(72 * time.Hour)}
	later := access.InviteRow{City: city, ID: tag('v', 2), Role: access.Clerk, Outside: tag('x', 1), Actor: "somebody", Made: t0, Expires: t0.Add(80 * time.Hour)}
	update(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
		return errors.Join(tx.InsertInvite(ctx, i), tx.InsertInvite(ctx, later))
	})
	view(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
		got, err := tx.Invite(ctx, city, i.ID)
		same(t, "invitation", got, i)
		_, e2 := tx.Invite(ctx, "bursa", i.ID)
		is(t, "in another city", e2, access.ErrNoRow)
		open, e3 := tx.OpenInvites(ctx, city, t0)
		same(t, "open", open, []access.InviteRow{i, later})
		some, e4 := tx.OpenInvites(ctx, city, i.Expires)
		same(t, "open later", some, []access.InviteRow{later})
		by, e5 := tx.InviteByOutside(ctx, city, i.Outside, t0)
		same(t, "the newest by outside account", by, later)
		return errors.Join(err, e3, e4, e5)
	})
	use := func(what string, i access.InviteRow, now time.Time, want bool) {
		t.Helper()
		update(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
			got, err := tx.UseInvite(ctx, i.City, i.ID, now)
			if got != want {
				t.Errorf("%s: got %t, want %t", what, got, want)
			}
			return err
		})
	}
	use("once", i, t0.Add(time.Hour), true)
	use("twice", i, t0.Add(time.Hour), false)
	use("too late", later, later.Expires, false)
	i.Used = t0.Add(time.Hour)
	view(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
		got, err := tx.Invite(ctx, city, i.ID)
		same(t, "used", got, i)
		return err
	})
}

func testAccessDevices(t *testing.T, s *sqlstore.Store) {
	d := access.Device{City: city, ID: newID(), Centre: "konak", Kind: access.Kiosk, Name: "kapı", Pick: 42, Code: tag('d', 1), CodeUntil: t0.Add(time.Minute), Made: t0}
	other := d
	other.ID, other.City = newID(), "bursa"
	insert := func(what string, d access.Device, want bool) {
		t.Helper()
		update(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
			got, err := tx.InsertAccessDevice(ctx, d)
			if got != want {
				t.Errorf("%s: got %t, want %t", what, got, want)
			}
			return err
		})
	}
	insert("a screen", d, true)
	insert("another under the same digits", other, false)
	view(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
		got, err := tx.AccessDeviceByPick(ctx, 42)
		same(t, "by its digits", got, d)
		_, e2 := tx.AccessDeviceByPick(ctx, 43)
		is(t, "other digits", e2, access.ErrNoRow)
		return err
	})
	d.CodeUntil, d.Tries, d.Token, d.Enrolled, d.Seen, d.Ended = time.Time{}, 2, tag('k', 1), t0, t0.Add(time.Second), t0.Add(time.Hour)
	update(t, s, func(ctx context.Context, tx *sqlstore.Tx) error { return tx.UpdateAccessDevice(ctx, d) })
	insert("the digits are free again", other, true)
	view(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
		got, err := tx.AccessDevice(ctx, city, d.ID)
		same(t, "enrolled", got, d)
		all, e2 := tx.AccessDevices(ctx, city, "", 10)
		same(t, "a city's", all, []access.Device{d})
		none, e3 := tx.AccessDevices(ctx, city, d.ID, 10)
		same(t, "behind the last", none, nil)
		return errors.Join(err, e2, e3)
	})
}

func testAuditBackwards(t *testing.T, s *sqlstore.Store) {
	one, two := entry(1), entry(2)
	update(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
		return errors.Join(tx.Audit(ctx, one), tx.Audit(ctx, two))
	})
	view(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
		newest, err := tx.AuditBefore(ctx, city, "", 1)
		if len(newest) != 1 || newest[0].ID != two.ID {
			t.Errorf("newest: got %v, want %s", newest, two.ID)
		}
		older, e2 := tx.AuditBefore(ctx, city, two.ID, 10)
		if len(older) != 1 || older[0].ID != one.ID {
			t.Errorf("older: got %v, want %s", older, one.ID)
		}
		return errors.Join(err, e2)
	})
}
