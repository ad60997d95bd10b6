package report_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"turnike/internal/audit"
	"turnike/internal/authority"
	"turnike/internal/pairing"
	"turnike/internal/report"
	"turnike/internal/storage/sqlstore"
	"turnike/internal/tap"
)

func testReport(t *testing.T, w *world) {
	r := w.stopped("istanbul")
	w.taps(r) // before anybody counts as told
	w.work(w.svc)
	if w.seen[report.NotTold] != 1 || len(w.list("istanbul")) != 0 {
		t.Fatalf("a tap at the moment of the stop: got %v, want %q", w.seen, report.NotTold)
	}
	w.pass(2 * time.Hour)
	a := w.taps(r)
	w.work(w.svc)
	got := w.want("a ride tried two hours after", "istanbul", report.Received)
	if got.Receipt == "" || !got.Due.IsZero() {
		t.Errorf("got %+v, want a receipt and nothing due", got)
	}
	standing, _ := w.ministry()
	if len(standing) != 1 {
		t.Fatalf("the ministry has %d reports, want 1", len(standing))
	}
	c := standing[0]
	want := report.Content{Format: report.Format, ID: got.ID, City: "istanbul", Province: 34, Says: "card_registered_to", Document: "tckn", Number: r.number,
		Card: c.Card, Device: c.Device, Stop: 44, Line: 2, Earliest: a.Earliest, Latest: a.Latest, List: 12, Effective: r.stop.Since, Told: r.stop.Since.Add(time.Hour), Source: "authority:check:77"}
	if c != want {
		t.Errorf("the report says\n%+v, want\n%+v", c, want)
	}

	// The least that the ministry needs, and no field more.
	var fields map[string]any
	if err := json.Unmarshal(w.outside.Reports()[0].Opened, &fields); err != nil {
		t.Fatal(err)
	}
	least := []string{"card", "city", "device", "document", "feed_message", "format", "id", "line", "list", "notice", "number", "province", "says", "stop",
		"suspension_effective", "tap_earliest", "tap_latest"}
	if got := slices.Sorted(maps.Keys(fields)); !slices.Equal(got, least) {
		t.Errorf("fields: got %v, want %v", got, least)
	}

	w.taps(r, func(a *tap.Attempt) { a.Stop = 45 })
	w.work(w.svc)
	if len(w.list("istanbul")) != 1 || w.seen[report.ReportedToday] != 1 {
		t.Errorf("a second ride on one day: %d reports, %v; want one", len(w.list("istanbul")), w.seen)
	}
	w.pass(24 * time.Hour)
	w.confirm(r)
	w.taps(r)
	w.work(w.svc)
	if n := len(w.list("istanbul")); n != 2 {
		t.Errorf("the next day: %d reports, want 2", n)
	}

	// What was done is written down, by nobody's name.
	said := map[string]int{}
	if err := w.store.View(w.ctx, func(tx *sqlstore.Tx) error {
		es, err := tx.AuditPage(w.ctx, "istanbul", "", 100)
		for _, e := range es {
			said[e.Action]++
			if e.Action == "report.create" && (e.Subject != r.tie.PersonTag || e.Purpose == "" || e.Actor != audit.System("report")) {
				t.Errorf("audit: got %+v, want the holder's pseudonym, a purpose and who", e)
			}
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if said["report.create"] != 2 || said["report.send"] != 2 {
		t.Errorf("audit: got %v, want two made and two sent", said)
	}
	w.noTrace(r)

	// Thirty days after the receipt nothing is left of it.
	w.pass(report.Keep + time.Hour)
	w.work(w.svc)
	if n := len(w.list("istanbul")); n != 0 {
		t.Errorf("%d reports after %v, want none", n, report.Keep)
	}
}

// noTrace looks for a holder's number in everything the database wrote.
func (w *world) noTrace(r rider) {
	w.t.Helper()
	if w.file == "" {
		return
	}
	looked := 0
	for _, name := range []string{w.file, w.file + "-wal"} {
		b, err := os.ReadFile(name)
		if err != nil {
			w.t.Fatal(err)
		}
		looked += len(b)
		if bytes.Contains(b, []byte(r.number)) {
			w.t.Errorf("%s holds the holder's number in the clear", name)
		}
	}
	if looked < 100_000 {
		w.t.Errorf("looked at %d bytes, want the whole database", looked)
	}
}

func testLiftedBeforeItWasSent(t *testing.T, w *world) {
	away := true
	svc := w.service(&line{Channel: w.direct, cut: func() bool { return away }})
	r := w.stopped("istanbul")
	w.pass(2 * time.Hour)
	// Made, and not yet tried: the sender's claim comes after the recall's look.
	w.learn()
	w.taps(r)
	w.madeOnly()
	w.want("made", "istanbul", report.Waiting)
	w.lift(r, pairing.Lifted)
	w.work(svc)
	if got := w.want("lifted before any try", "istanbul", report.Cancelled); got.Why != "lifted" {
		t.Errorf("why: got %q", got.Why)
	}
	away = false
	w.pass(time.Hour)
	w.work(svc)
	if standing, withdrawn := w.ministry(); len(standing)+withdrawn != 0 {
		t.Errorf("the ministry has heard of it: %d, %d withdrawn", len(standing), withdrawn)
	}
	w.taps(r)
	w.work(svc)
	if n := len(w.list("istanbul")); n != 1 {
		t.Errorf("a ride after the lift: %d reports, want none new", n)
	}
	// What is known of somebody's health goes when their days are over.
	w.pass(4 * 24 * time.Hour)
	w.work(svc)
	if err := w.store.View(w.ctx, func(tx *sqlstore.Tx) error {
		_, err := tx.Isolation(w.ctx, "istanbul", r.stop.ID)
		return err
	}); !errors.Is(err, pairing.ErrNoRow) {
		t.Errorf("the stop four days after its end: got %v, want it gone", err)
	}
}

// learn takes in what the outbox did.
func (w *world) learn() {
	w.work(w.service(&line{Channel: w.direct, cut: func() bool { return true }}))
}

// testAnswerLost: a report arrived and its receipt did not. Sent again it is
// the same report; lifted meanwhile it is withdrawn by our own id.
func testAnswerLost(t *testing.T, w *world) {
	cut := true
	svc := w.service(&line{Channel: w.direct, cut: func() bool { return cut }, after: true})
	r, s := w.stopped("istanbul"), w.stopped("istanbul")
	w.pass(2 * time.Hour)
	w.taps(r)
	w.work(svc)
	if got := w.want("first try", "istanbul", report.Waiting); got.Attempts != 1 || got.Error == "" || !got.Due.After(w.clock()) {
		t.Errorf("got %+v, want it to be tried again later, with why", got)
	}
	cut = false
	w.pass(time.Minute)
	w.work(svc)
	w.want("second try", "istanbul", report.Received)
	if standing, _ := w.ministry(); len(standing) != 1 {
		t.Errorf("the ministry has %d reports, want 1", len(standing))
	}

	cut = true
	w.taps(s)
	w.work(svc)
	w.want("another, answer lost", "istanbul", report.Waiting)
	w.lift(s, pairing.Lifted)
	w.work(svc)
	w.want("lifted while on its way", "istanbul", report.Withdrawing)
	cut = false
	w.pass(2 * time.Minute)
	w.work(svc)
	w.want("withdrawn", "istanbul", report.Withdrawn)
	if standing, withdrawn := w.ministry(); len(standing) != 1 || withdrawn != 1 {
		t.Errorf("the ministry has %d standing, %d withdrawn; want 1 and 1", len(standing), withdrawn)
	}
}

// TestWithdrawnWithinTheHour: however the line comes and goes, a report that
// was received is withdrawn within the hour of the lift, as long as the line
// holds for three minutes of it.
func TestWithdrawnWithinTheHour(t *testing.T) {
	w := newSQLite(t)
	var outage func(time.Time) bool
	svc := w.service(&line{Channel: w.direct, cut: func() bool { return outage(w.clock()) }})
	r := rand.New(rand.NewPCG(1, 2))
	longest := time.Duration(0)
	const lifts = min(stories, 6000) / 400 // 15, and fewer under the race detector
	for i := range max(lifts, 2) {
		outage = func(time.Time) bool { return false }
		who := w.stopped("istanbul")
		w.pass(2 * time.Hour)
		w.taps(who)
		w.work(svc)
		w.want("received", "istanbul", report.Received)
		lifted := w.clock()
		up := lifted.Add(time.Duration(r.IntN(56*60)) * time.Second)
		var flicker []time.Time
		for range r.IntN(4) {
			flicker = append(flicker, lifted.Add(time.Duration(r.IntN(3600))*time.Second))
		}
		outage = func(now time.Time) bool {
			if now.After(up.Add(4 * time.Minute)) {
				return r.IntN(3) > 0
			}
			return now.Before(up) && !slices.ContainsFunc(flicker, func(f time.Time) bool { return now.Sub(f).Abs() < 5*time.Second })
		}
		w.lift(who, pairing.Lifted)
		for w.clock().Before(lifted.Add(time.Hour)) {
			if _, err := svc.Work(w.ctx); err != nil {
				t.Fatal(err)
			}
			if w.list("istanbul")[0].State == report.Withdrawn {
				break
			}
			w.pass(20 * time.Second)
		}
		got := w.list("istanbul")[0]
		if took := w.clock().Sub(lifted); got.State != report.Withdrawn {
			t.Fatalf("story %d: %v an hour after the lift (line back after %v), want it withdrawn", i, got.State, up.Sub(lifted))
		} else {
			longest = max(longest, took)
			if took > up.Sub(lifted)+3*time.Minute {
				t.Errorf("story %d: withdrawn %v after the lift, %v after the line was back; want 3m", i, took, took-up.Sub(lifted))
			}
		}
	}
	if _, withdrawn := w.ministry(); withdrawn != max(lifts, 2) {
		t.Errorf("the ministry has %d withdrawn, want %d", withdrawn, max(lifts, 2))
	}
	t.Logf("longest: %v", longest)
}

// testWhatALiftCallsBack: only what was told after the ministry of health last
// stood by the stop; a stop that should never have been takes everything.
func testWhatALiftCallsBack(t *testing.T, w *world) {
	r := w.stopped("istanbul")
	w.pass(2 * time.Hour)
	w.taps(r)
	w.work(w.svc)
	first := w.want("first day", "istanbul", report.Received)
	w.pass(22 * time.Hour)
	w.confirm(r)
	w.pass(2 * time.Hour)
	w.taps(r)
	w.work(w.svc)
	w.want("second day", "istanbul", report.Received)
	w.pass(time.Hour)
	w.lift(r, pairing.Lifted)
	w.work(w.svc)
	w.want("told after the last yes", "istanbul", report.Withdrawn)
	standing, _ := w.ministry()
	if len(standing) != 1 || standing[0].ID != first.ID {
		t.Errorf("standing: %+v, want the first day's", standing)
	}
	staff := audit.Actor{Kind: "staff", Ref: "op-1", Channel: "console"}
	if err := w.svc.Correct(w.ctx, "istanbul", first.ID, staff); err != nil {
		t.Fatal(err)
	}
	w.work(w.svc)
	if standing, withdrawn := w.ministry(); len(standing) != 0 || withdrawn != 2 {
		t.Errorf("after the correction: %d standing, %d withdrawn; want none and two", len(standing), withdrawn)
	}
	if err := w.svc.Withdraw(w.ctx, "istanbul", first.ID, "staff", staff); err != report.ErrOver {
		t.Errorf("withdraw what is withdrawn: got %v, want %v", err, report.ErrOver)
	}
	if err := w.svc.Withdraw(w.ctx, "izmir", first.ID, "staff", staff); err != report.ErrUnknown {
		t.Errorf("withdraw as another city: got %v, want %v", err, report.ErrUnknown)
	}
}

func TestAppeal(t *testing.T) {
	w := newSQLite(t)
	r := w.stopped("izmir") // whose reports wait for the morning's file
	w.pass(2 * time.Hour)
	w.taps(r)
	w.work(w.svc)
	got := w.want("made", "izmir", report.Waiting)
	staff := audit.Actor{Kind: "staff", Ref: "op-1", Channel: "console"}
	if err := w.svc.Appeal(w.ctx, "izmir", got.ID, true, staff); err != nil {
		t.Fatal(err)
	}
	w.want("disputed", "izmir", report.Cancelled)
	w.pass(24 * time.Hour)
	w.confirm(r)
	w.taps(r)
	w.work(w.svc)
	if w.seen[report.Disputed] != 1 || len(w.list("izmir")) != 1 {
		t.Errorf("a ride while it is disputed: %v, %d reports; want none new", w.seen, len(w.list("izmir")))
	}
	if err := w.svc.Appeal(w.ctx, "izmir", got.ID, false, staff); err != nil {
		t.Fatal(err)
	}
	w.taps(r)
	w.work(w.svc)
	w.want("decided", "izmir", report.Waiting)
	if files, err := authority.Files(w.folder.Dir); err != nil || len(files) != 0 {
		t.Errorf("files before the hour: %v, %v; want none", files, err)
	}
}

// testGovernor is a province whose office takes files.
func testGovernor(t *testing.T, w *world) {
	r, s := w.stopped("izmir"), w.stopped("izmir")
	w.pass(2 * time.Hour)
	w.taps(r)
	w.taps(s)
	w.work(w.svc)
	w.want("made", "izmir", report.Waiting)
	w.pass(17 * time.Hour) // 07:00 next morning
	w.work(w.svc)
	w.want("in the file", "izmir", report.Filed)
	if n, err := w.outside.Governor(w.folder.Dir); n != 1 || err != nil {
		t.Fatalf("the office read %d files, %v; want one", n, err)
	}
	w.work(w.svc)
	for _, got := range w.list("izmir") {
		if got.State != report.Received || got.Receipt == "" {
			t.Errorf("acknowledged: got %+v, want a receipt", got)
		}
	}
	standing, _ := w.ministry()
	if len(standing) != 2 || standing[0].Province != 35 {
		t.Fatalf("the office has %+v, want two of İzmir", standing)
	}
	w.lift(r, pairing.Lifted)
	w.work(w.svc) // at once, not next morning
	if n, err := w.outside.Governor(w.folder.Dir); n != 1 || err != nil {
		t.Fatalf("the withdrawal: read %d files, %v; want one", n, err)
	}
	if standing, withdrawn := w.ministry(); len(standing) != 1 || withdrawn != 1 {
		t.Errorf("the office has %d standing, %d withdrawn; want one each", len(standing), withdrawn)
	}
	w.work(w.svc)
	if files, err := authority.Files(w.folder.Dir); err != nil || len(files) != 0 {
		t.Errorf("files left: %v, %v; want none", files, err)
	}
}

// testManyServers lets four of them work on the same taps: each is reported
// once, and the ministry has each once.
func testManyServers(t *testing.T, w *world) {
	var rs []rider
	for range 12 {
		rs = append(rs, w.stopped("istanbul"))
	}
	w.learn()
	w.pass(2 * time.Hour)
	for _, r := range rs {
		w.taps(r)
		w.taps(r)
	}
	var wg sync.WaitGroup
	for range 4 {
		svc := w.service(w.direct)
		wg.Go(func() {
			for range 6 {
				if _, err := svc.Work(w.ctx); err != nil {
					t.Errorf("work: %v", err)
					return
				}
			}
		})
	}
	wg.Wait()
	w.work(w.svc)
	standing, _ := w.ministry()
	if len(standing) != len(rs) || len(w.outside.Reports()) != len(rs) {
		t.Errorf("the ministry has %d, want %d", len(standing), len(rs))
	}
	for _, got := range w.list("istanbul") {
		if got.State != report.Received {
			t.Errorf("got %v, want received", got.State)
		}
	}
}

// testTooMany: a feed gone wrong stops many; past the city's most nothing goes
// before two people have looked.
func testTooMany(t *testing.T, w *world) {
	w.cities["istanbul"].Report.MostPerDay = 2
	var rs []rider
	for range 5 {
		rs = append(rs, w.stopped("istanbul"))
	}
	w.pass(2 * time.Hour)
	for _, r := range rs {
		w.taps(r)
	}
	w.work(w.svc)
	states := func() map[report.State]int {
		n := map[report.State]int{}
		for _, r := range w.list("istanbul") {
			n[r.State]++
		}
		return n
	}
	if got, want := states(), (map[report.State]int{report.Received: 2, report.Held: 3}); !maps.Equal(got, want) {
		t.Fatalf("five in a day: got %v, want %v", got, want)
	}
	var held report.Report
	for _, r := range w.list("istanbul") {
		if r.State == report.Held {
			held = r
		}
	}
	for _, r := range rs {
		if r.stop.ID == held.StopID {
			w.lift(r, pairing.Lifted)
		}
	}
	w.work(w.svc)
	one := audit.Actor{Kind: "staff", Ref: "op-1", Channel: "console"}
	for _, second := range []string{"", "op-1"} {
		if _, err := w.svc.Release(w.ctx, "istanbul", false, one, second); err != report.ErrAlone {
			t.Errorf("let go with %q: got %v, want %v", second, err, report.ErrAlone)
		}
	}
	if n, err := w.svc.Release(w.ctx, "istanbul", false, one, "op-2"); n != 2 || err != nil {
		t.Errorf("let go: got %d, %v; want 2", n, err)
	}
	w.work(w.svc)
	if got, want := states(), (map[report.State]int{report.Received: 4, report.Cancelled: 1}); !maps.Equal(got, want) {
		t.Errorf("let go: got %v, want %v", got, want)
	}
	if standing, withdrawn := w.ministry(); len(standing) != 4 || withdrawn != 0 {
		t.Errorf("the ministry has %d, %d withdrawn; want 4 and none", len(standing), withdrawn)
	}
	// The next day begins anew; what is wrong is dropped.
	w.pass(24 * time.Hour)
	for _, r := range rs {
		if r.stop.ID != held.StopID {
			w.confirm(r)
			w.taps(r)
		}
	}
	w.work(w.svc)
	if n, err := w.svc.Release(w.ctx, "istanbul", true, one, "op-2"); n != 2 || err != nil {
		t.Errorf("drop: got %d, %v; want 2", n, err)
	}
	w.work(w.svc)
	if got, want := states(), (map[report.State]int{report.Received: 6, report.Cancelled: 3}); !maps.Equal(got, want) {
		t.Errorf("dropped: got %v, want %v", got, want)
	}
}

// TestCopiedDevice: what a device said whose key somebody has copied, or that
// was put out, is held against nobody.
func TestCopiedDevice(t *testing.T) {
	w := newSQLite(t)
	r := w.stopped("istanbul")
	w.pass(2 * time.Hour)
	a := w.taps(r)
	w.update(func(tx *sqlstore.Tx) error { return tx.NoteFork(w.ctx, "istanbul", a.Device) })
	w.work(w.svc)
	if w.seen[report.UnsureDevice] != 1 || len(w.list("istanbul")) != 0 {
		t.Errorf("a forked device: got %v, %d reports; want none", w.seen, len(w.list("istanbul")))
	}
	s := w.stopped("izmir")
	w.pass(2 * time.Hour)
	a = w.taps(s)
	w.update(func(tx *sqlstore.Tx) error {
		_, err := tx.RevokeTapDevice(w.ctx, "izmir", a.Device, w.clock())
		return err
	})
	w.work(w.svc)
	if w.seen[report.UnsureDevice] != 2 || len(w.list("izmir")) != 0 {
		t.Errorf("a device put out: got %v, %d reports; want none", w.seen, len(w.list("izmir")))
	}
}

// TestWorkerDies: between the ministry's yes and our mark. The lease runs out,
// another sends again, and it is still one report.
func TestWorkerDies(t *testing.T) {
	w := newSQLite(t)
	r := w.stopped("istanbul")
	w.pass(2 * time.Hour)
	w.learn()
	w.taps(r)
	w.madeOnly()
	var claimed []report.Report
	w.update(func(tx *sqlstore.Tx) (err error) {
		claimed, err = tx.ClaimReports(w.ctx, "istanbul", report.Waiting, w.clock(), w.clock().Add(3*time.Minute), 10)
		return err
	})
	if len(claimed) != 1 {
		t.Fatalf("claimed %d, want 1", len(claimed))
	}
	if a := w.direct.Hand(w.ctx, "istanbul", []report.Item{{ID: claimed[0].ID, Sealed: claimed[0].Sealed}}, w.clock()); a[0].Err != nil {
		t.Fatal(a[0].Err)
	}
	w.work(w.svc)
	w.want("while it is leased", "istanbul", report.Waiting)
	w.pass(4 * time.Minute)
	w.work(w.svc)
	w.want("after the lease", "istanbul", report.Received)
	if got := w.outside.Reports(); len(got) != 1 {
		t.Errorf("the ministry has %d, want 1", len(got))
	}
}
