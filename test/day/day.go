// Package day is a day at İZSU's centres for tests of the pages people work
// with: the real booking service over SQLite with keys of its own, the counter,
// the call centre and the manager's pages on one handler, a clock that tests move, and sessions
// that are given rather than signed in for. Texts to people are kept here
// instead of being sent.
package day

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"turnike/internal/access"
	"turnike/internal/audit"
	"turnike/internal/booking"
	"turnike/internal/city"
	"turnike/internal/i18n"
	"turnike/internal/notify"
	"turnike/internal/person"
	"turnike/internal/storage"
	"turnike/internal/storage/sqlstore"
	"turnike/internal/vault"
	"turnike/internal/web/assets"
	"turnike/internal/web/call"
	"turnike/internal/web/counter"
	"turnike/internal/web/manage"
	"turnike/internal/web/staff"
)

// Wednesday is a day without a holiday; places are planned for it and the days
// after.
var Wednesday = booking.Date(2021, 3, 17)

// Day is the world of a test.
type Day struct {
	Store   *sqlstore.Store
	Keys    *vault.Vault
	Visits  *booking.Service
	Desks   *booking.Service // the help desks of İzmir, which work alike
	Who     booking.Contacts
	Handler http.Handler
	doors   *doors
	mu      sync.Mutex
	now     time.Time
	texts   []string
}

// Open makes one in a folder; it is Wednesday, seven in the morning.
func Open(ctx context.Context, dir string) (_ *Day, err error) {
	d := &Day{doors: &doors{by: map[string]access.Session{}}}
	if d.Store, err = storage.Open(ctx, "sqlite:"+filepath.Join(dir, "rows.db"), true); err != nil {
		return nil, err
	}
	if d.Keys, err = vault.Open(ctx, vault.Config{Dir: filepath.Join(dir, "keys"), Stock: 30}); err != nil {
		return nil, errors.Join(err, d.Store.Close())
	}
	n, err := booking.Shipped("izsu")
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	d.now = Wednesday.At(7*60, n.Location())
	d.Who = booking.Contacts{Keys: d.Keys, Network: n,
		Message: func(id, city string, _ person.Phone, text string, c notify.Class, due, expires time.Time) (notify.Queued, error) {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.texts = append(d.texts, text)
			return notify.Queued{ID: id, City: city, Class: c, Sealed: []byte("sealed"), DueAt: due, Expires: expires}, nil
		}}
	d.Visits = booking.New(booking.Config{Store: sqlstore.As[booking.Tx](d.Store), Network: n, Now: d.Now, Tell: d.Who.Tell})
	cities, err := city.Shipped()
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	help, err := booking.HelpDesks(cities["izmir"])
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	helpWho := booking.Contacts{Keys: d.Keys, Network: help, Message: d.Who.Message}
	d.Desks = booking.New(booking.Config{Store: sqlstore.As[booking.Tx](d.Store), Network: help, Now: d.Now, Tell: helpWho.Tell})
	if err := errors.Join(d.Visits.Plan(ctx, Wednesday, n.Ahead()), d.Desks.Plan(ctx, Wednesday, 2)); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	ground, err := staff.New(staff.Config{Access: d.doors, Now: d.Now})
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	visits := func(id string) (*booking.Service, booking.Contacts, bool) {
		if id == help.ID {
			return d.Desks, helpWho, true
		}
		return d.Visits, d.Who, id == n.ID
	}
	mux := http.NewServeMux()
	mux.Handle("/staff/{city}/queue/", counter.New(counter.Config{Staff: ground, Visits: visits, Now: d.Now}).Handler())
	mux.Handle("/staff/{city}/call/", call.New(call.Config{Staff: ground, Visits: visits, Now: d.Now}).Handler())
	manager := manage.New(manage.Config{Staff: ground, Visits: visits, Now: d.Now}).Handler()
	for _, p := range []string{"/staff/{city}/centre/", "/staff/izsu/figures", "/staff/izsu/figures.csv", "/staff/izsu/figures.xlsx", manage.ScriptPath} {
		mux.Handle(p, manager)
	}
	mux.Handle(counter.ScriptPattern, counter.Script())
	mux.Handle(assets.Prefix, assets.Handler())
	d.Handler = mux
	return d, nil
}

// Close lets go of the store and the keys.
func (d *Day) Close() error { return errors.Join(d.Store.Close(), d.Keys.Close()) }

// Now is the day's clock.
func (d *Day) Now() time.Time { d.mu.Lock(); defer d.mu.Unlock(); return d.now }

// Set moves the clock; At moves it to an hour of the day.
func (d *Day) Set(t time.Time) { d.mu.Lock(); defer d.mu.Unlock(); d.now = t }
func (d *Day) At(hour, minute int) {
	d.Set(Wednesday.At(hour*60+minute, d.Visits.Network().Location()))
}

// Texts are the messages people were sent, oldest first.
func (d *Day) Texts() []string { d.mu.Lock(); defer d.mu.Unlock(); return slices.Clone(d.texts) }

// Cookie is the name of the cookie that carries what Enter gives.
const Cookie = "staff"

// Enter lets somebody in and gives the token of their session.
func (d *Day) Enter(se access.Session) string { return d.doors.enter(se) }

// Book makes an appointment on Wednesday for somebody.
func (d *Day) Book(ctx context.Context, centre, first, last, phone, service string, hour, minute int) (booking.Visit, error) {
	r := person.Record{First: person.RestoreName(first), Last: person.RestoreName(last)}
	var err error
	if r.Phone, err = person.ParsePhone(phone); err != nil {
		return booking.Visit{}, err
	}
	who, err := d.Who.Who(ctx, r, i18n.Turkish)
	if err != nil {
		return booking.Visit{}, err
	}
	return d.Visits.Book(ctx, booking.Request{Centre: centre, Service: service, Day: Wednesday, Unit: (hour*60 + minute) / 15,
		Channel: booking.Desk, Actor: audit.System("test"), Who: who})
}

// Audit are all rows written down so far.
func (d *Day) Audit(ctx context.Context) (rows []audit.Entry, err error) {
	err = d.Store.View(ctx, func(tx *sqlstore.Tx) (err error) {
		rows, err = tx.AuditPage(ctx, "izsu", "", 10_000)
		return err
	})
	return rows, err
}

// doors are the sessions, by their tokens.
type doors struct {
	mu sync.Mutex
	by map[string]access.Session
}

func (d *doors) enter(se access.Session) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	token := fmt.Sprintf("token-%d", len(d.by))
	if se.City == "" {
		se.City = "izsu"
	}
	if se.Account == "" {
		se.Account = token
	}
	d.by[token] = se
	return token
}

// Session is who a token belongs to.
func (d *doors) Session(_ context.Context, token string) (access.Session, bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	se, ok := d.by[token]
	return se, ok, nil
}

// Screen knows none.
func (d *doors) Screen(context.Context, string) (access.Screen, bool, error) {
	return access.Screen{}, false, nil
}
