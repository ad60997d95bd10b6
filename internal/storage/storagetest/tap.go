package storagetest

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"turnike/gate"
	"turnike/internal/audit"
	"turnike/internal/card"
	"turnike/internal/storage/sqlstore"
	"turnike/internal/tap"
	"turnike/statuslist"
)

// RunTaps runs the behaviours of what validators tell.
func RunTaps(t *testing.T, open Open) {
	for _, s := range []struct {
		name string
		test func(*testing.T, *sqlstore.Store)
	}{
		{"any order", testTapOrder},
		{"a batch from many hands at once", testTapRace},
		{"taps beside their neighbours", testTapGroup},
		{"enrolment", testEnrol},
		{"one token, many devices", testTokenRace},
		{"revocation", testRevoke},
		{"attempts and their leases", testAttempts},
		{"losses, forks and forgetting", testWatch},
		{"a device's own word", testReport},
	} {
		t.Run(s.name, func(t *testing.T) { s.test(t, open(t)) })
	}
}

func deviceKey(name string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte(name))
	return ed25519.NewKeyFromSeed(seed[:])
}

func idOf(k ed25519.PrivateKey) gate.Device {
	return statuslist.KeyIDOf(k.Public().(ed25519.PublicKey))
}

// enrolDevice writes a device without a token.
func enrolDevice(t *testing.T, s *sqlstore.Store, k ed25519.PrivateKey) gate.Device {
	t.Helper()
	d := tap.Device{City: city, ID: idOf(k), Key: k.Public().(ed25519.PublicKey), Seal: make([]byte, 32), Place: tap.Place{Name: "door", Stop: 7}, Enrolled: t0}
	update(t, s, func(ctx context.Context, tx *sqlstore.Tx) error { return tx.PutTapDevice(ctx, d) })
	return d.ID
}

// batches makes the chain of one boot, an hour each. All stand at a few stops,
// so that they add to the same figures.
func batches(k ed25519.PrivateKey, boot byte, n int) (files [][]byte) {
	var before statuslist.Digest
	for i := range n {
		ran := time.Duration(i+1) * time.Hour
		b := gate.Batch{
			City: city, Boot: gate.Boot{boot}, Sequence: uint64(i + 1), Before: before, Sealed: t0.Add(ran), Uptime: ran,
			List: uint64(10 + i), ListIssued: t0.Add(ran).Truncate(time.Second),
			Counts: []gate.Count{
				{Hour: t0.Unix() / 3600, Stop: 7, Issued: true, Class: statuslist.Class(card.Paired), Decision: gate.Admit, Taps: uint64(10 + i)},
				{Hour: t0.Unix()/3600 + int64(i), Stop: 7, Issued: true, Class: statuslist.Class(card.Paired), Decision: gate.Refuse, Taps: 1},
				{Hour: t0.Unix() / 3600, Stop: 8, Decision: gate.Refuse, Taps: 2},
			},
			Stopped: []gate.Stopped{{
				Index: uint32(i), Class: statuslist.Class(card.Paired), Stop: 7, Mode: 3, At: t0.Add(ran - time.Minute),
				Uptime: ran - time.Minute, Sequence: uint64(10 + i), ListIssued: t0.Add(-time.Hour).Truncate(time.Second),
			}},
		}
		file := b.Sign(k)
		before = statuslist.Sum(file)
		files = append(files, file)
	}
	return files
}

func taps(s *sqlstore.Store) tap.Service {
	return tap.Service{Store: sqlstore.As[tap.Tx](s), Known: &tap.Known{}}
}

func registry(s *sqlstore.Store) tap.Registry {
	return tap.Registry{Store: sqlstore.As[tap.RegistryTx](s), NewID: newID}
}

// allTaps is everything kept of a city's taps.
type allTaps struct {
	Counts   []tap.Count
	Attempts []tap.Attempt
	Boots    []tap.BootState
}

func readTaps(ctx context.Context, s *sqlstore.Store, city string) (out allTaps, err error) {
	err = s.View(ctx, func(tx *sqlstore.Tx) error {
		if out.Counts, err = tx.TapCounts(ctx, city, 0, 1<<40); err != nil {
			return err
		}
		if out.Attempts, err = tx.TapAttempts(ctx, city, time.Unix(0, 0), t0.AddDate(10, 0, 0)); err != nil {
			return err
		}
		out.Boots, err = tx.TapBoots(ctx, city, gate.Device{}, gate.Boot{}, 1000)
		return err
	})
	return out, err
}

// testTapOrder: batches in any order, again, in groups and alone, leave what
// the same batches leave in a store that is a few maps.
func testTapOrder(t *testing.T, s *sqlstore.Store) {
	a, b := deviceKey("a"), deviceKey("b")
	files := append(batches(a, 1, 5), batches(b, 2, 4)...)
	received := t0.Add(24 * time.Hour)
	plain := tap.NewMemory()
	for _, k := range []ed25519.PrivateKey{a, b} {
		plain.Enrol(city, tap.Device{ID: idOf(k), Key: k.Public().(ed25519.PublicKey)})
	}
	for _, f := range files {
		if _, err := (tap.Service{Store: plain}).Take(t.Context(), city, f, received); err != nil {
			t.Fatal(err)
		}
	}
	if s.Dialect() == sqlstore.Postgres { // ten times the time for each
		checks := flag.Lookup("rapid.checks")
		before := checks.Value.String()
		if err := checks.Value.Set("15"); err != nil {
			t.Fatal(err)
		}
		defer checks.Value.Set(before)
	}
	runs := 0
	rapid.Check(t, func(r *rapid.T) {
		// Each run is a city of its own in the one store; a batch names its
		// city, so the device signs it anew.
		runs++
		town := fmt.Sprint("town-", runs)
		order := rapid.Permutation([]int{0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 3, 3, 7}).Draw(r, "order")
		together := rapid.Bool().Draw(r, "together")
		moved := make([][]byte, len(files))
		var last gate.Device
		var before statuslist.Digest
		for i, f := range files {
			p, err := gate.ParseBatch(f)
			if err != nil {
				r.Fatal(err)
			}
			if p.Device != last {
				before = statuslist.Digest{}
			}
			last = p.Device
			k := a
			if p.Device == idOf(b) {
				k = b
			}
			p.City, p.Before = town, before
			moved[i] = p.Sign(k)
			before = statuslist.Sum(moved[i])
		}
		ctx := context.Background()
		err := s.Update(ctx, func(tx *sqlstore.Tx) error {
			for _, k := range []ed25519.PrivateKey{a, b} {
				if err := tx.PutTapDevice(ctx, tap.Device{City: town, ID: idOf(k), Key: k.Public().(ed25519.PublicKey), Place: tap.Place{Name: "door"}, Enrolled: t0}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			r.Fatal(err)
		}
		service := taps(s)
		fresh := make([]bool, len(order))
		var wg sync.WaitGroup
		for at, i := range order {
			take := func() {
				got, err := service.Take(ctx, town, moved[i], received)
				if err != nil {
					r.Errorf("batch %d: got %v, want no error", i, err)
				}
				fresh[at] = got.Fresh
			}
			if together {
				wg.Go(take)
			} else {
				take()
			}
		}
		wg.Wait()
		times := map[int]int{}
		for at, i := range order {
			if fresh[at] {
				times[i]++
			}
		}
		for i := range files {
			if times[i] != 1 {
				r.Errorf("batch %d: counted %d times, want once", i, times[i])
			}
		}
		got, err := readTaps(ctx, s, town)
		if err != nil {
			r.Fatal(err)
		}
		if d := cmp.Diff(plain.Counts(city), got.Counts); d != "" {
			r.Errorf("figures: got + instead of -:\n%s", d)
		}
		if len(got.Attempts) != len(plain.Attempts(city)) {
			r.Errorf("attempts: got %d, want %d", len(got.Attempts), len(plain.Attempts(city)))
		}
		for _, boot := range got.Boots {
			want := map[gate.Device]uint64{idOf(a): 5, idOf(b): 4}[boot.Device]
			if boot.Highest != want || boot.Taken != want || boot.List != 9+want || boot.Lost() != 0 {
				r.Errorf("boot %+v: want %d batches, all taken, the last list", boot, want)
			}
		}
	})
}

// testTapRace: the same few batches from many callers at once, fresh exactly
// once each.
func testTapRace(t *testing.T, s *sqlstore.Store) {
	k := deviceKey("a")
	enrolDevice(t, s, k)
	files := batches(k, 1, 10)
	service := taps(s)
	var fresh sync.Map
	var wg sync.WaitGroup
	for range 6 {
		for i, f := range files {
			wg.Go(func() {
				got, err := service.Take(t.Context(), city, f, t0.Add(24*time.Hour))
				if err != nil {
					t.Errorf("batch %d: got %v, want no error", i, err)
				}
				if got.Fresh {
					if _, twice := fresh.LoadOrStore(i, true); twice {
						t.Errorf("batch %d: fresh twice, want once", i)
					}
				}
			})
		}
	}
	wg.Wait()
	got, err := readTaps(t.Context(), s, city)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "all taps", tap.Sum(got.Counts).All, tap.Tally{Opened: 145, Refused: 30})
	same(t, "attempts", len(got.Attempts), 10)
}

// testTapGroup: a function that fails takes none of its neighbours' taps with
// it, and leaves none of its own.
func testTapGroup(t *testing.T, s *sqlstore.Store) {
	k := deviceKey("a")
	enrolDevice(t, s, k)
	files := batches(k, 1, 40)
	service := taps(s)
	failed := errors.New("failed on purpose")
	var wg sync.WaitGroup
	for i, f := range files {
		wg.Go(func() {
			if _, err := service.Take(t.Context(), city, f, t0.Add(48*time.Hour)); err != nil {
				t.Errorf("batch %d: got %v, want no error", i, err)
			}
		})
		wg.Go(func() {
			ctx := t.Context()
			err := s.Update(ctx, func(tx *sqlstore.Tx) error {
				if err := tx.AddCounts(ctx, city, []tap.Count{{Hour: 1, Stop: 7, Taps: 1000}, {Hour: t0.Unix() / 3600, Stop: 7, Class: card.Paired, Decision: gate.Admit, Taps: 1000}}); err != nil {
					return err
				}
				if i%2 == 0 { // after something of it reached the database
					if err := tx.NoteFork(ctx, city, idOf(k)); err != nil {
						return err
					}
				}
				return failed
			})
			is(t, "a function that fails", err, failed)
		})
	}
	wg.Wait()
	got, err := readTaps(t.Context(), s, city)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "all taps", tap.Sum(got.Counts).All, tap.Tally{Opened: 40*10 + 39*40/2, Refused: 40 * 3})
	fleet, err := registry(s).Fleet(t.Context(), city)
	if err != nil || len(fleet) != 1 {
		t.Fatalf("fleet: got %d devices, %v, want 1", len(fleet), err)
	}
	same(t, "forks", fleet[0].Forks, 0)
}

func issue(t *testing.T, s *sqlstore.Store, n int) []tap.Issued {
	t.Helper()
	places := make([]tap.Place, n)
	for i := range places {
		places[i] = tap.Place{Name: fmt.Sprint("Konak ", i+1), Stop: uint32(40 + i), Mode: 2, Province: 35}
	}
	tokens, err := registry(s).Issue(t.Context(), city, audit.Actor{Kind: "staff", Ref: "op-1", Channel: "console"}, places, t0)
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}

func testEnrol(t *testing.T, s *sqlstore.Store) {
	tokens := issue(t, s, 3)
	g := registry(s)
	key := func(name string) ed25519.PublicKey { return deviceKey(name).Public().(ed25519.PublicKey) }
	seal := make([]byte, 32)
	for _, c := range []struct {
		name, city, token string
		key               ed25519.PublicKey
		at                time.Time
		want              error
	}{
		{"a token nobody made", city, "AAAA-BBBB-CCCC", key("a"), t0, tap.ErrToken},
		{"another city's", "bursa", tokens[0].Text, key("a"), t0, tap.ErrToken},
		{"too late", city, tokens[0].Text, key("a"), t0.Add(tap.TokenLife), tap.ErrToken},
		{"no key", city, tokens[0].Text, nil, t0, tap.ErrKey},
		{"the device", city, tokens[0].Text, key("a"), t0.Add(tap.TokenLife - time.Second), nil},
		{"the device again", city, tokens[0].Text, key("a"), t0.Add(tap.TokenLife - time.Second), nil},
		{"another device", city, tokens[0].Text, key("b"), t0, tap.ErrToken},
		{"typed in small letters without dashes", city, lower(tokens[1].Text), key("c"), t0, nil},
		{"the same device with a new token", city, tokens[2].Text, key("a"), t0.Add(time.Hour), nil},
	} {
		d, err := g.Enrol(t.Context(), c.city, c.token, c.key, seal, c.at)
		is(t, c.name, err, c.want)
		if c.want == nil && (d.ID != statuslist.KeyIDOf(c.key) || d.Mode != 2 || d.Province != 35 || d.Stop < 40) {
			t.Errorf("%s: got %+v, want the place of its token", c.name, d)
		}
	}
	fleet, err := g.Fleet(t.Context(), city)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "devices", len(fleet), 2)
	got, err := g.Device(t.Context(), city, statuslist.KeyIDOf(key("a")))
	same(t, "err", err, nil)
	same(t, "the last place", got.Stop, uint32(42))
	var rows []audit.Entry
	view(t, s, func(ctx context.Context, tx *sqlstore.Tx) (err error) {
		rows, err = tx.AuditPage(ctx, city, "", 10)
		return err
	})
	same(t, "audit rows", len(rows), 4)
	_, err = g.Issue(t.Context(), city, audit.Actor{}, []tap.Place{{Name: "x"}}, t0)
	is(t, "tokens made by nobody", err, audit.ErrNoActor)
}

func lower(s string) string {
	out := []byte{}
	for _, c := range []byte(s) {
		if c != '-' {
			if c >= 'A' && c <= 'Z' {
				c += 'a' - 'A'
			}
			out = append(out, c)
		}
	}
	return string(out)
}

func testTokenRace(t *testing.T, s *sqlstore.Store) {
	token := issue(t, s, 1)[0].Text
	var wg sync.WaitGroup
	var mu sync.Mutex
	in := 0
	for i := range 30 {
		wg.Go(func() {
			key := deviceKey(fmt.Sprint("racer ", i)).Public().(ed25519.PublicKey)
			_, err := registry(s).Enrol(t.Context(), city, token, key, make([]byte, 32), t0)
			if err != nil {
				is(t, "a racer who lost", err, tap.ErrToken)
				return
			}
			mu.Lock()
			in++
			mu.Unlock()
		})
	}
	wg.Wait()
	same(t, "devices let in by one token", in, 1)
}

// testRevoke: from the moment a revocation is committed no batch is taken,
// also by a service that remembers the device, as another server would.
func testRevoke(t *testing.T, s *sqlstore.Store) {
	k, other := deviceKey("a"), deviceKey("b")
	id := enrolDevice(t, s, k)
	enrolDevice(t, s, other)
	files, now := batches(k, 1, 3), t0.Add(24*time.Hour)
	service := taps(s)
	_, err := service.Take(t.Context(), city, files[0], now)
	is(t, "before", err, nil)
	by := audit.Actor{Kind: "staff", Ref: "op-1", Channel: "console"}
	is(t, "revoke", registry(s).Revoke(t.Context(), city, id, by, "stolen", now), nil)
	is(t, "revoke again", registry(s).Revoke(t.Context(), city, id, by, "stolen", now.Add(time.Hour)), nil)
	is(t, "revoke a stranger", registry(s).Revoke(t.Context(), city, gate.Device{1}, by, "", now), tap.ErrNoDevice)
	for _, service := range []tap.Service{service, taps(s)} {
		_, err = service.Take(t.Context(), city, files[1], now.Add(time.Second))
		is(t, "after", err, tap.ErrDevice)
		_, err = service.Take(t.Context(), city, files[0], now.Add(time.Second))
		is(t, "what was taken before, again", err, tap.ErrDevice)
	}
	_, err = service.Take(t.Context(), city, batches(other, 2, 1)[0], now.Add(time.Second))
	is(t, "another device", err, nil)
	_, err = registry(s).Device(t.Context(), city, id)
	is(t, "its secrets", err, tap.ErrDevice)
	token := issue(t, s, 1)[0].Text
	_, err = registry(s).Enrol(t.Context(), city, token, k.Public().(ed25519.PublicKey), make([]byte, 32), t0)
	is(t, "enrol with the key that is out", err, tap.ErrDevice)
	_, err = registry(s).Enrol(t.Context(), city, token, deviceKey("new").Public().(ed25519.PublicKey), make([]byte, 32), t0)
	is(t, "enrol with a new key", err, nil)
}

func testAttempts(t *testing.T, s *sqlstore.Store) {
	k := deviceKey("a")
	enrolDevice(t, s, k)
	now := t0.Add(24 * time.Hour)
	for _, f := range batches(k, 1, 3) {
		if _, err := taps(s).Take(t.Context(), city, f, now); err != nil {
			t.Fatal(err)
		}
	}
	lease := func(at time.Time) (as []tap.Attempt) {
		update(t, s, func(ctx context.Context, tx *sqlstore.Tx) (err error) {
			as, err = tx.LeaseAttempts(ctx, at, at.Add(time.Minute), 10)
			return err
		})
		return as
	}
	same(t, "before they came", len(lease(now.Add(-time.Second))), 0)
	got := lease(now)
	same(t, "leased", len(got), 3)
	for _, a := range got {
		ran := time.Duration(a.Batch) * time.Hour
		same(t, "attempt", a, tap.Attempt{City: city, Device: idOf(k), Boot: gate.Boot{1}, Batch: a.Batch, Card: uint32(a.Batch - 1),
			Class: card.Paired, Stop: 7, Mode: 3, Clock: t0.Add(ran - time.Minute).Truncate(time.Second),
			Earliest: t0.Add(-time.Hour).Truncate(time.Second), Latest: now.Add(-time.Minute), Certain: true,
			Sequence: 9 + a.Batch, ListIssued: t0.Add(-time.Hour).Truncate(time.Second), Received: now})
	}
	same(t, "while the lease holds", len(lease(now.Add(59*time.Second))), 0)
	same(t, "after it", len(lease(now.Add(time.Minute))), 3)
	goes := now.Add(time.Hour)
	for i, want := range []bool{true, false} {
		var ok bool
		update(t, s, func(ctx context.Context, tx *sqlstore.Tx) (err error) {
			ok, err = tx.ConsiderAttempt(ctx, got[0], goes)
			return err
		})
		same(t, fmt.Sprint("consider, time ", i+1), ok, want)
	}
	same(t, "leased later", len(lease(now.Add(time.Hour))), 2)
	sweep := func(now, old time.Time) (n int) {
		update(t, s, func(ctx context.Context, tx *sqlstore.Tx) (err error) {
			n, err = tx.SweepAttempts(ctx, now, old, 10)
			return err
		})
		return n
	}
	same(t, "swept before its time", sweep(goes.Add(-time.Second), t0), 0)
	same(t, "swept", sweep(goes, t0), 1)
	same(t, "swept unconsidered", sweep(goes, now.Add(tap.AttemptLife)), 2)
}

func testWatch(t *testing.T, s *sqlstore.Store) {
	k := deviceKey("a")
	id := enrolDevice(t, s, k)
	files := batches(k, 1, 6)
	fork := gate.Batch{City: city, Boot: gate.Boot{1}, Sequence: 2, Sealed: t0, Before: statuslist.Digest{9}}
	now := t0.Add(24 * time.Hour)
	watch := tap.Watch{Store: sqlstore.As[tap.WatchTx](s)}
	health := func() tap.Health {
		t.Helper()
		fleet, err := registry(s).Fleet(t.Context(), city)
		if err != nil || len(fleet) != 1 {
			t.Fatalf("fleet: got %d devices, %v, want 1", len(fleet), err)
		}
		return fleet[0]
	}
	step := func(at time.Time) {
		t.Helper()
		if err := watch.Step(t.Context(), city, at); err != nil {
			t.Fatal(err)
		}
	}
	take := func(f []byte, at time.Time) (tap.Taken, error) { return taps(s).Take(t.Context(), city, f, at) }
	for _, i := range []int{0, 3, 4} { // the second and third are on their way
		if _, err := take(files[i], now); err != nil {
			t.Fatal(err)
		}
	}
	step(now)
	same(t, "lost so far", health().Lost, uint64(2))
	same(t, "batches", health().Taken, uint64(3))
	same(t, "level", health().Level(now), "losses")
	if _, err := take(fork.Sign(k), now); err != nil { // comes where the second should
		t.Fatal(err)
	}
	_, err := take(files[1], now)
	is(t, "the true second", err, tap.ErrForked)
	same(t, "forks after two of one number", health().Forks, 1)
	if _, err := take(files[2], now); err != nil {
		t.Fatal(err)
	}
	step(now)
	h := health()
	same(t, "lost when all came", h.Lost, uint64(0))
	// The second does not follow the first, nor the third the second.
	same(t, "forks", h.Forks, 3)
	same(t, "level", h.Level(now), "forked")
	step(now)
	same(t, "forks, looked at again", health().Forks, 3)

	// What is old is forgotten, and still not counted again.
	late := now.Add(tap.ReceiptLife + time.Hour)
	before, err := readTaps(t.Context(), s, city)
	if err != nil {
		t.Fatal(err)
	}
	step(late) // raises the floor
	step(late) // removes
	left := 0
	view(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
		rs, err := tx.TapReceiptsFrom(ctx, tap.BootState{City: city, Device: id, Boot: gate.Boot{1}}, 0, 100)
		left = len(rs)
		return err
	})
	same(t, "receipts left", left, 0)
	for i, f := range files[:5] {
		got, err := take(f, late)
		if err != nil || got.Fresh {
			t.Errorf("batch %d after it was forgotten: fresh %v, %v, want known", i, got.Fresh, err)
		}
	}
	got, err := take(files[5], late)
	if err != nil || !got.Fresh {
		t.Errorf("the next batch: fresh %v, %v, want fresh", got.Fresh, err)
	}
	after, err := readTaps(t.Context(), s, city)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "taps opened", tap.Sum(after.Counts).All.Opened, tap.Sum(before.Counts).All.Opened+15)
}

func testReport(t *testing.T, s *sqlstore.Store) {
	k := deviceKey("a")
	id := enrolDevice(t, s, k)
	g, now := registry(s), t0.Add(time.Hour)
	for _, c := range []struct {
		at   time.Time
		said tap.Report
		want tap.State
	}{
		{now, tap.Report{List: 5, ListIssued: t0, Waiting: 3, Dropped: 1, Program: "turnike 1\n"},
			tap.State{Seen: now, List: 5, ListIssued: t0, Waiting: 3, Dropped: 1, Program: "turnike 1"}},
		{now.Add(-time.Minute), tap.Report{List: 4, ListIssued: t0.Add(-time.Hour), Waiting: 9}, // overtaken
			tap.State{Seen: now, List: 5, ListIssued: t0, Waiting: 3, Dropped: 1, Program: "turnike 1"}},
		{now.Add(time.Minute), tap.Report{List: 6, ListIssued: now.AddDate(1, 0, 0), Program: "b"}, // signed next year
			tap.State{Seen: now.Add(time.Minute), List: 6, ListIssued: now.Add(time.Minute), Dropped: 1, Program: "b"}},
	} {
		if err := g.Note(t.Context(), city, id, c.said, c.at); err != nil {
			t.Fatal(err)
		}
		fleet, err := g.Fleet(t.Context(), city)
		if err != nil || len(fleet) != 1 {
			t.Fatalf("fleet: got %d devices, %v, want 1", len(fleet), err)
		}
		got := fleet[0].State
		got.Device = tap.Device{}
		same(t, "state", got, c.want)
	}
	fleet, err := g.Fleet(t.Context(), city)
	if err != nil {
		t.Fatal(err)
	}
	issued := now.Add(time.Minute)
	for age, want := range map[time.Duration]string{time.Hour: "losses", 24*time.Hour + 1: "amber", 72*time.Hour + 1: "alarm"} {
		same(t, "level at "+age.String(), fleet[0].Level(issued.Add(age)), want)
	}
	same(t, "summary", tap.Summarize(fleet, issued.Add(80*time.Hour)), tap.Summary{Devices: 1, Amber: 1, Alarm: 1, Dropped: 1})
}
