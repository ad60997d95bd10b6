package report_test

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"testing"
	"time"

	"pgregory.net/rapid"

	"turnike/gate"
	"turnike/internal/card"
	"turnike/internal/pairing"
	"turnike/internal/report"
	"turnike/internal/tap"
	"turnike/statuslist"
)

const town = "istanbul"

var (
	noon = time.Date(2021, 1, 12, 9, 0, 0, 0, time.UTC)
	zone = time.FixedZone("+03", 3*3600)
)

func deviceKey() ed25519.PrivateKey {
	seed := sha256.Sum256([]byte("validator"))
	return ed25519.NewKeyFromSeed(seed[:])
}

// history is what really happened to one card: the truth, and what each side
// saw of it.
type history struct {
	tap      time.Time // when the card was really held to the gate
	stop     time.Time // when the stop took effect
	accepted time.Time // when the gateway took the notice; zero: it never left
	notice   time.Duration
	free     time.Time // since when the person was really free again; zero: not within this story
	asked    []time.Time
	days     int // the stop holds

	issued   time.Time // of the list on the device
	received time.Time // of the batch
	skew     time.Duration
	jump     time.Duration // the device's clock was set between the tap and the sealing
	rebooted bool          // before it sealed: how long it ran in between is not known
	boot     time.Time

	other, unpaired, appeal, exempt, unnamed, copied bool
}

// told is when the holder counts as told.
func (h history) told() time.Time { return h.accepted.Add(h.notice) }

// wrong says what makes a standing report of this story false, if anything.
func (h history) wrong() string {
	end := time.Date(h.stop.In(zone).Year(), h.stop.In(zone).Month(), h.stop.In(zone).Day()+h.days+1, 0, 0, 0, 0, zone)
	switch {
	case !h.tap.After(h.stop):
		return "before the stop took effect"
	case h.accepted.IsZero() || !h.tap.After(h.told()):
		return "before the holder had been told"
	case h.issued.Before(h.stop.Truncate(time.Second)):
		return "by a list older than the stop"
	case !h.free.IsZero() && !h.tap.Before(h.free):
		return "of somebody who was free again"
	case !h.tap.Before(end):
		return "after the stop's last day"
	case h.other, h.unpaired, h.appeal, h.exempt, h.unnamed, h.copied:
		return "of a card that is never reported"
	}
	return ""
}

func draw(t *rapid.T) history {
	minutes := func(name string, from, to int) time.Duration {
		return time.Duration(rapid.IntRange(from, to).Draw(t, name))*time.Minute + time.Duration(rapid.IntRange(0, 59_999).Draw(t, name+", ms"))*time.Millisecond
	}
	seldom := func(name string) bool { return rapid.IntRange(0, 15).Draw(t, name) == 0 }
	near := rapid.Bool().Draw(t, "all close together") // where mistakes of minutes show
	span := func(name string, far, close int) time.Duration {
		if near {
			return minutes(name, -close, close)
		}
		return minutes(name, -far, far)
	}
	h := history{tap: noon.Add(minutes("tap", 0, 24*60)), days: 10}
	h.stop = h.tap.Add(span("stop", 12*24*60, 90)).Truncate(time.Microsecond)
	if !seldom("the notice never leaves") {
		h.accepted = h.stop.Add(minutes("notice leaves", 0, 20))
		if seldom("the notice is late") {
			h.accepted = h.accepted.Add(minutes("late by", 0, 48*60))
		}
	}
	h.notice = time.Duration(rapid.SampledFrom([]int{1, 30, 60}).Draw(t, "notice minutes")) * time.Minute
	if rapid.IntRange(0, 3).Draw(t, "freed") == 0 {
		h.free = h.tap.Add(span("free again", 48*60, 90))
	}
	h.issued = h.tap.Add(-minutes("list age", 0, 90)).Truncate(time.Second)
	if !near {
		h.issued = h.tap.Add(-minutes("older list", 0, 7*24*60)).Truncate(time.Second)
	}
	if rapid.IntRange(0, 3).Draw(t, "clock off") != 0 {
		h.skew = span("clock off by", 72*60, 90)
	}
	if rapid.IntRange(0, 7).Draw(t, "clock set") == 0 {
		h.jump = span("clock set by", 72*60, 90)
	}
	h.boot = h.tap.Add(-minutes("ran before the tap", 0, 48*60))
	h.rebooted = rapid.IntRange(0, 3).Draw(t, "rebooted") == 0
	h.received = h.tap.Add(minutes("upload late by", 0, 9*24*60))
	if near {
		h.received = h.tap.Add(minutes("uploaded after", 0, 90))
	}
	h.other, h.unpaired, h.appeal, h.exempt, h.unnamed = seldom("lost too"), seldom("unpaired"), seldom("appeal"), seldom("exempt"), seldom("unnamed")
	h.copied = seldom("the device's key was copied")
	// The ministry is asked every day from the stop on, at the hour of the stop.
	for at := h.stop.Add(24 * time.Hour); at.Before(h.received.Add(48 * time.Hour)); at = at.Add(24 * time.Hour) {
		h.asked = append(h.asked, at)
	}
	return h
}

// attempt is what the server makes of the device's batch.
func (h history) attempt(t interface{ Fatal(...any) }) tap.Attempt {
	key := deviceKey()
	ran := h.tap.Sub(h.boot)
	class := card.Paired
	if h.exempt {
		class = card.Exempt
	}
	b := gate.Batch{
		City: town, Boot: gate.Boot{1}, Sequence: 1, Sealed: h.received.Add(h.skew + h.jump), Uptime: ran + h.received.Sub(h.tap),
		Stopped: []gate.Stopped{{Index: 7, Class: statuslist.Class(class), Stop: 3, At: h.tap.Add(h.skew), Uptime: ran, Sequence: 9, ListIssued: h.issued}},
	}
	if h.rebooted {
		b.Uptime = ran // the least that can be claimed
	}
	m := tap.NewMemory()
	public := key.Public().(ed25519.PublicKey)
	m.Enrol(town, tap.Device{ID: statuslist.KeyIDOf(public), Key: public})
	got, err := (&tap.Service{Store: m}).Take(context.Background(), town, b.Sign(key), h.received)
	if err != nil {
		t.Fatal(err)
	}
	return got.Attempts[0]
}

// isolation is the stop's row as it stands at a moment.
func (h history) isolation(now time.Time) pairing.Isolation {
	i := pairing.Isolation{City: town, ID: "stop", PairingID: "tie", Since: h.stop, Confirmed: h.stop,
		UntilDay: card.DayOf(h.stop, zone) + int32(h.days), Appeal: h.appeal, NoticeID: "message", Source: "feed:1"}
	if !h.accepted.IsZero() && !h.accepted.After(now) {
		i.Told = h.accepted
	}
	for _, at := range h.asked {
		if at.After(now) || !i.Ended.IsZero() {
			break
		}
		if !h.free.IsZero() && !at.Before(h.free) {
			i.Ended, i.End = at, pairing.Lifted
		} else {
			i.Confirmed = at
		}
	}
	return i
}

// card is what is known of the card at a moment.
func (h history) card(now time.Time) report.Stop {
	if now.Before(h.stop) {
		return report.Stop{Trusted: true}
	}
	s := report.Stop{Trusted: !h.copied, Isolation: h.isolation(now), Holder: "tie", Named: !h.unnamed, Reasons: []card.Reason{{Kind: card.Isolation}}}
	if h.other {
		s.Reasons = append(s.Reasons, card.Reason{Kind: card.Lost})
	}
	if h.unpaired {
		s.Holder = ""
	}
	return s
}

// decider is Decide and Recalls, or one with a fault in it.
type decider struct {
	decide func(a tap.Attempt, s report.Stop, r report.Rules, now time.Time) report.Why
	recall func(i pairing.Isolation, made time.Time) bool
}

func ours() decider { return decider{report.Decide, report.Recalls} }

// standing plays a story to its end and tells whether a report stands, and how
// it was decided.
func (h history) standing(t interface{ Fatal(...any) }, d decider) (bool, report.Why) {
	now := h.received.Add(time.Second)
	rules := report.Rules{On: true, Notice: h.notice, Fresh: 48 * time.Hour, Zone: zone}
	why := d.decide(h.attempt(t), h.card(now), rules, now)
	if why != report.Yes {
		return false, why
	}
	later := h.isolation(now.Add(47 * time.Hour)) // by then the ministry has been asked again
	return !(later.End != "" && d.recall(later, now)), why
}

// TestNobodyIsReportedFalsely: whatever clocks, lists, notices, uploads and
// releases did, a report that stands is true.
func TestNobodyIsReportedFalsely(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := draw(t)
		if stands, _ := h.standing(t, ours()); stands && h.wrong() != "" {
			t.Fatalf("a report stands of a tap %s: %+v", h.wrong(), h)
		}
	})
	gen := rapid.Custom(draw)
	for seed := range stories {
		h := gen.Example(seed)
		if stands, _ := h.standing(t, ours()); stands && h.wrong() != "" {
			t.Fatalf("story %d: a report stands of a tap %s: %+v", seed, h.wrong(), h)
		}
	}
}

// TestFaultsAreFound: the property above can fail. Each fault put into the
// decision on purpose leaves a false report within a few thousand stories.
func TestFaultsAreFound(t *testing.T) {
	changed := func(change func(a *tap.Attempt, s *report.Stop, r *report.Rules)) decider {
		d := ours()
		d.decide = func(a tap.Attempt, s report.Stop, r report.Rules, now time.Time) report.Why {
			change(&a, &s, &r)
			return report.Decide(a, s, r, now)
		}
		return d
	}
	never := func(pairing.Isolation, time.Time) bool { return false }
	for name, d := range map[string]decider{
		"the latest moment is compared, not the earliest": changed(func(a *tap.Attempt, _ *report.Stop, _ *report.Rules) { a.Earliest, a.ListIssued = a.Latest, a.Latest }),
		"the device's clock is believed": changed(func(a *tap.Attempt, _ *report.Stop, _ *report.Rules) {
			a.Earliest, a.Latest, a.ListIssued, a.Certain = a.Clock, a.Clock, a.Clock, true
		}),
		"the age of the list is not looked at":    changed(func(a *tap.Attempt, s *report.Stop, _ *report.Rules) { a.Earliest, a.ListIssued = a.Latest, s.Since }),
		"who was not told counts as told":         changed(func(_ *tap.Attempt, s *report.Stop, _ *report.Rules) { s.Isolation.Told = s.Since }),
		"a gateway's yes counts as read":          changed(func(_ *tap.Attempt, _ *report.Stop, r *report.Rules) { r.Notice = 0 }),
		"a stop has no end":                       changed(func(_ *tap.Attempt, s *report.Stop, _ *report.Rules) { s.UntilDay = 1 << 30 }),
		"other reasons are not looked at":         changed(func(_ *tap.Attempt, s *report.Stop, _ *report.Rules) { s.Reasons = s.Reasons[:min(1, len(s.Reasons))] }),
		"a card that was let go is its holder's":  changed(func(_ *tap.Attempt, s *report.Stop, _ *report.Rules) { s.Holder = s.PairingID }),
		"a copied device is believed":             changed(func(_ *tap.Attempt, s *report.Stop, _ *report.Rules) { s.Trusted = true }),
		"an appeal is not waited for":             changed(func(_ *tap.Attempt, s *report.Stop, _ *report.Rules) { s.Appeal = false }),
		"reports are not called back":             {report.Decide, never},
		"a lift calls back only what comes after": {report.Decide, func(i pairing.Isolation, made time.Time) bool { return made.After(i.Ended) }},
	} {
		found := 0
		gen := rapid.Custom(draw)
		for seed := 0; seed < 6000 && found == 0; seed++ {
			h := gen.Example(seed)
			if stands, _ := h.standing(t, d); stands && h.wrong() != "" {
				found = seed + 1
			}
		}
		if found == 0 {
			t.Errorf("%s: no false report in 6000 stories, want one found", name)
			continue
		}
		t.Logf("%s: found in story %d", name, found)
	}
}

// TestRealCasesAreReported: the rules above do not hold by reporting nothing.
// With honest clocks, a fresh list and a prompt notice every ride that was
// tried an hour after is reported.
func TestRealCasesAreReported(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := history{days: 10, stop: noon, accepted: noon.Add(3 * time.Second), notice: time.Hour}
		minutes := func(name string, from, to int) time.Duration {
			return time.Duration(rapid.IntRange(from, to).Draw(t, name)) * time.Minute
		}
		h.tap = h.told().Add(minutes("tap after told", 2, 9*24*60))
		h.issued = h.tap.Add(-time.Duration(rapid.IntRange(1, 90).Draw(t, "list age, s")) * time.Second).Truncate(time.Second)
		h.boot = h.tap.Add(-minutes("ran", 0, 48*60))
		h.skew = minutes("the device's own clock does not matter", -72*60, 72*60)
		h.received = h.tap.Add(minutes("upload late by", 0, 60))
		for at := h.stop.Add(24 * time.Hour); at.Before(h.received.Add(48 * time.Hour)); at = at.Add(24 * time.Hour) {
			h.asked = append(h.asked, at)
		}
		if stands, why := h.standing(t, ours()); !stands {
			t.Fatalf("not reported: %q; %+v", why, h)
		}
	})
	// And among stories of every kind some are.
	gen, said := rapid.Custom(draw), map[report.Why]int{}
	for seed := range stories {
		_, why := gen.Example(seed).standing(t, ours())
		said[why]++
	}
	t.Log("of", stories, "stories:", said)
	for _, why := range []report.Why{report.Yes, report.BeforeStop, report.BeforeNotice, report.NotTold, report.TooLate, report.NotIsolated,
		report.OtherReason, report.Exempt, report.NotTheHolder, report.Unnamed, report.Disputed, report.UnsureDevice, report.AfterEnd} {
		if said[why] < stories/2000 {
			t.Errorf("%q was said of %d stories of %d, want the stories to lead there", why, said[why], stories)
		}
	}
}

// TestDecide is the list of what is never reported, one by one.
func TestDecide(t *testing.T) {
	now := noon.Add(3 * time.Hour)
	attempt := tap.Attempt{City: town, Card: 7, Class: card.Paired, Certain: true, Earliest: noon.Add(2 * time.Hour), Latest: noon.Add(130 * time.Minute), ListIssued: noon.Add(2 * time.Hour)}
	stop := report.Stop{Isolation: pairing.Isolation{ID: "s", PairingID: "tie", Since: noon, NoticeID: "m", Told: noon.Add(time.Second), Confirmed: noon, UntilDay: card.DayOf(noon, zone) + 10},
		Holder: "tie", Named: true, Trusted: true, Proof: pairing.ProofTap, Reasons: []card.Reason{{Kind: card.Isolation}}}
	rules := report.Rules{On: true, Notice: time.Hour, Proof: pairing.ProofTap, Fresh: 48 * time.Hour, Zone: zone}
	for _, c := range []struct {
		want   report.Why
		change func(a *tap.Attempt, s *report.Stop, r *report.Rules)
	}{
		{report.Yes, func(*tap.Attempt, *report.Stop, *report.Rules) {}},
		{report.Off, func(_ *tap.Attempt, _ *report.Stop, r *report.Rules) { r.On = false }},
		{report.UnsureClock, func(a *tap.Attempt, _ *report.Stop, _ *report.Rules) { a.Certain = false }},
		{report.UnsureClock, func(a *tap.Attempt, _ *report.Stop, _ *report.Rules) { a.Latest = now.Add(time.Second) }},
		{report.UnsureClock, func(a *tap.Attempt, _ *report.Stop, _ *report.Rules) { a.Latest = a.Earliest.Add(-time.Second) }},
		{report.TooLate, func(a *tap.Attempt, _ *report.Stop, _ *report.Rules) {
			a.Earliest, a.Latest = now.Add(-8*24*time.Hour), now.Add(-8*24*time.Hour)
		}},
		{report.UnsureDevice, func(_ *tap.Attempt, s *report.Stop, _ *report.Rules) { s.Trusted = false }},
		{report.NotIsolated, func(_ *tap.Attempt, s *report.Stop, _ *report.Rules) { *s = report.Stop{Trusted: true} }},
		{report.NotIsolated, func(_ *tap.Attempt, s *report.Stop, _ *report.Rules) { s.Ended = now }},
		{report.NotIsolated, func(_ *tap.Attempt, s *report.Stop, _ *report.Rules) { s.Reasons = []card.Reason{{Kind: card.Lost}} }},
		{report.OtherReason, func(_ *tap.Attempt, s *report.Stop, _ *report.Rules) {
			s.Reasons = append(s.Reasons, card.Reason{Kind: card.Blocked})
		}},
		{report.Exempt, func(a *tap.Attempt, _ *report.Stop, _ *report.Rules) { a.Class = card.Exempt }},
		{report.NotTheHolder, func(_ *tap.Attempt, s *report.Stop, _ *report.Rules) { s.Holder = "" }},
		{report.NotTheHolder, func(_ *tap.Attempt, s *report.Stop, _ *report.Rules) { s.Holder = "another tie" }},
		{report.Unproven, func(_ *tap.Attempt, s *report.Stop, _ *report.Rules) { s.Proof = pairing.ProofNone }},
		{report.Unnamed, func(_ *tap.Attempt, s *report.Stop, _ *report.Rules) { s.Named = false }},
		{report.Disputed, func(_ *tap.Attempt, s *report.Stop, _ *report.Rules) { s.Appeal = true }},
		{report.Unconfirmed, func(_ *tap.Attempt, s *report.Stop, _ *report.Rules) { s.Confirmed = now.Add(-49 * time.Hour) }},
		{report.NotTold, func(_ *tap.Attempt, s *report.Stop, _ *report.Rules) { s.Isolation.Told = time.Time{} }},
		{report.NotTold, func(_ *tap.Attempt, s *report.Stop, _ *report.Rules) { s.NoticeID = "" }},
		{report.NotTold, func(_ *tap.Attempt, _ *report.Stop, r *report.Rules) { r.Notice = 4 * time.Hour }},
		{report.BeforeStop, func(a *tap.Attempt, s *report.Stop, _ *report.Rules) { s.Since = a.Earliest }},
		{report.BeforeNotice, func(a *tap.Attempt, s *report.Stop, _ *report.Rules) { s.Isolation.Told = a.Earliest.Add(-time.Hour) }},
		{report.OldList, func(a *tap.Attempt, s *report.Stop, _ *report.Rules) { a.ListIssued = s.Since.Add(-time.Second) }},
		{report.AfterEnd, func(a *tap.Attempt, s *report.Stop, _ *report.Rules) { s.UntilDay = card.DayOf(a.Latest, zone) - 1 }},
	} {
		a, s, r := attempt, stop, rules
		c.change(&a, &s, &r)
		if got := report.Decide(a, s, r, now); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}
