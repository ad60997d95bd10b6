// Package rehearse lets a city live through a day before it comes. A day of
// riders with cards made up in the proportions the city printed goes through
// the same list, rules and gate that validators run, hour by hour as İstanbul
// really rides, and every answer is held against what the decisions in the
// city's file say by themselves.
//
// Day replays one; Fleet lets thousands of devices lose their connection for
// days; Try shows what a rule would have done. Nothing here knows a real
// rider: the same seed gives the same day.
package rehearse

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"turnike/gate"
	"turnike/internal/card"
	"turnike/internal/city"
	"turnike/internal/tap"
	"turnike/statuslist"
)

// Options say which day is replayed and on how large a city. The zero value of
// a number means its default.
type Options struct {
	City *city.Profile
	Date time.Time // any moment of the day, by the city's clock
	Eve  int       // hours before midnight to begin at; 4 if zero, none if negative
	// Scale is the size of the city: 1 is every card and every rider.
	Scale float64
	Seed  uint64
	// Boardings a full-size weekday brings; DefaultBoardings if zero.
	Boardings float64
	// Paired is the share of the cards active in a month that are paired when
	// the replay begins; 0.55 if zero, as the texts say of a city six days
	// before its deadline.
	Paired float64
	// Stopped is how many paired cards are stopped in a full-size city; 100,000
	// if zero, the lower end of what a list has to carry; none if negative.
	Stopped int64
	// PairAtGate is the share of riders refused for want of a pairing who pair
	// on their phones there and then and tap again; 0.2 if zero, nobody if
	// negative. That it was so is reported, how many did is not.
	PairAtGate float64
	// Map says where taps fall; Districts() if nil.
	Map *Map
	// Dir is a folder to work in; if empty a temporary one, removed at the end,
	// in memory if the system has such.
	Dir string
	// Progress hears how much of the work is done, 0 to 1; may be nil.
	Progress func(done float64)
}

func (o Options) withDefaults() (Options, error) {
	if o.City == nil {
		return o, fmt.Errorf("no city given")
	}
	setDefault(&o.Scale, 0.01)
	setDefault(&o.Boardings, DefaultBoardings)
	setDefault(&o.Paired, 0.55)
	setDefault(&o.PairAtGate, 0.2)
	setDefault(&o.Stopped, 100_000)
	setDefault(&o.Eve, 4)
	o.PairAtGate, o.Stopped = max(0, o.PairAtGate), max(0, o.Stopped)
	o.Eve = min(max(0, o.Eve), 24)
	if o.Scale < 0.0001 || o.Scale > 1 {
		return o, fmt.Errorf("scale %v: from 0.0001 to 1", o.Scale)
	}
	if o.Paired < 0 || o.Paired > 1 || o.PairAtGate > 1 || o.Boardings < 0 {
		return o, fmt.Errorf("shares run from 0 to 1 and boardings are not negative")
	}
	if o.Map == nil {
		o.Map = Districts()
	}
	if o.Progress == nil {
		o.Progress = func(float64) {}
	}
	return o, nil
}

func setDefault[T comparable](v *T, to T) {
	var zero T
	if *v == zero {
		*v = to
	}
}

// deviceName names the replay's one validator: it stands at every place, since
// the gate code and the list are the same in all of them.
const deviceName = "rehearsal"

// run is a day under way.
type run struct {
	Options
	zone     *time.Location
	midnight time.Time // the day's first moment
	from     time.Time
	ranges   *statuslist.Ranges
	format   map[uint8]statuslist.Scheme
	people   *population
	pub      *statuslist.Publisher
	gate     *gate.Gate
	fetch    gate.Fetch
	journal  *gate.Journal
	taps     *tap.Memory
	key      ed25519.PrivateKey
	rng      *rand.Rand // draws who sets out, when and where
	react    *rand.Rand // draws what the refused do: it must not move the other

	pairing bitset              // active places whose riders took out the phone
	paired  bitset              // and those of them the list knows by now
	refused bitset              // active places refused on the day
	due     map[int][]uint32    // places whose pairing is done before a minute
	retries []uint32            // places that tap again in this minute
	carry   float64             // of a tap, from minute to minute
	batch   []rideTap           // the minute's taps
	known   []city.Decision     // by which the oracle judges
	stops   map[uint32]struct{} // places seen refused for a stop
	result  *Result
	clocks  clocks
}

// rideTap is one tap of a minute.
type rideTap struct {
	place  uint32 // noPlace for a number never issued
	stop   uint32
	mode   uint8
	retry  bool
	at     time.Time
	digits [24]byte
	size   int
	answer gate.Answer
}

const noPlace = ^uint32(0)

// clocks gathers what the machine took, apart from the city's own time.
type clocks struct {
	decide   time.Duration
	decided  uint64
	publish  []time.Duration
	update   []time.Duration
	prepared time.Duration
}

// Day replays a day and tells what happened. It needs as much memory as the
// list has cards, three times over, and leaves nothing behind.
func Day(ctx context.Context, o Options) (*Result, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("replay a day: %w", err)
	}
	if o.Dir == "" {
		if o.Dir, err = scratch(o.Scale); err != nil {
			return nil, fmt.Errorf("replay a day: %w", err)
		}
		defer os.RemoveAll(o.Dir)
	}
	started := time.Now()
	r := &run{Options: o, due: map[int][]uint32{}, stops: map[uint32]struct{}{}}
	if err := r.prepare(ctx); err != nil {
		return nil, fmt.Errorf("prepare a day: %w", err)
	}
	defer r.journal.Close()
	r.clocks.prepared = time.Since(started)
	minutes := int(r.midnight.AddDate(0, 0, 1).Sub(r.from) / time.Minute)
	for m := range minutes {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := r.minute(ctx, m); err != nil {
			return nil, fmt.Errorf("replay %s: %w", r.from.Add(time.Duration(m)*time.Minute).Format("15:04"), err)
		}
		o.Progress(float64(m+1) / float64(minutes))
	}
	return r.finish(time.Since(started))
}

// prepare makes the population, publishes its list and leads the gate there.
func (r *run) prepare(ctx context.Context) error {
	p := r.City
	r.zone = p.Location()
	y, mo, d := r.Date.Date()
	r.midnight = time.Date(y, mo, d, 0, 0, 0, 0, r.zone)
	r.from = r.midnight.Add(-time.Duration(r.Eve) * time.Hour)
	r.rng = rand.New(rand.NewPCG(r.Seed, mix(r.Seed+uint64(r.midnight.Unix()))))
	r.react = rand.New(rand.NewPCG(mix(r.Seed), uint64(r.midnight.Unix())))
	boardings := 0.0
	for h := range 24 {
		boardings += expected(r.Boardings*r.Scale, r.midnight, h)
	}
	base := Base(r.Scale)
	var err error
	if r.ranges, err = scaledRanges(p, uint32(base[0].Cards)); err != nil {
		return err
	}
	r.format = map[uint8]statuslist.Scheme{}
	for _, s := range r.ranges.Schemes() {
		r.format[s.ID] = s
	}
	r.people = newPopulation(base, r.Paired, scaled(uint64(r.Stopped), r.Scale), boardings, statuslist.DayOf(r.midnight), r.Seed)
	r.pairing, r.paired, r.refused = newBitset(r.people.active), newBitset(r.people.active), newBitset(r.people.active)
	r.result = &Result{Base: base}
	if err := r.openPublisher(); err != nil {
		return err
	}
	if err := r.pub.SetAll(r.people.all); err != nil {
		return err
	}
	if r.gate, err = gate.Open(gate.Config{Dir: filepath.Join(r.Dir, "gate"), City: p.ID}); err != nil {
		return err
	}
	r.fetch = folder(r.Dir, p.ID)
	r.taps = tap.NewMemory()
	device := keyOf(deviceName, r.Seed)
	public := device.Public().(ed25519.PublicKey)
	r.taps.Enrol(p.ID, tap.Device{ID: statuslist.KeyIDOf(public), Key: public})
	if r.journal, err = gate.OpenJournal(gate.JournalConfig{Dir: filepath.Join(r.Dir, "taps"), City: p.ID, Key: device}, r.from); err != nil {
		return err
	}
	return r.send(ctx, r.from)
}

// keyOf makes a key out of the seed: a rehearsal has nothing to keep secret
// and the same seed is to give the same files.
func keyOf(name string, seed uint64) ed25519.PrivateKey {
	k := sha256.Sum256([]byte(name + strconv.FormatUint(seed, 10)))
	return ed25519.NewKeyFromSeed(k[:])
}

func (r *run) openPublisher() (err error) {
	r.pub, err = publisher(r.Dir, r.City.ID, r.ranges, r.tables(r.from), r.from, r.Seed)
	return err
}

// publisher starts a city's list in a folder under dir, with keys of its own.
func publisher(dir, cityID string, ranges *statuslist.Ranges, rules []*statuslist.Rules, from time.Time, seed uint64) (*statuslist.Publisher, error) {
	root, list := keyOf("root", seed), keyOf("list", seed)
	signed := statuslist.Root{City: cityID, Version: 1, Threshold: 1, Keys: []ed25519.PublicKey{root.Public().(ed25519.PublicKey)}}
	signed.ListKeys = []statuslist.ListKey{{Key: list.Public().(ed25519.PublicKey), From: from.AddDate(0, 0, -1), To: from.AddDate(1, 0, 0)}}
	file, err := signed.Sign(root)
	if err != nil {
		return nil, err
	}
	return statuslist.OpenPublisher(statuslist.PublisherConfig{
		Dir: filepath.Join(dir, "list"), City: cityID, Ranges: ranges,
		Rules: rules, Key: list, Roots: [][]byte{file},
	})
}

// folder fetches a city's files from where publisher put them.
func folder(dir, cityID string) gate.Fetch {
	list := filepath.Join(dir, "list", cityID)
	return func(_ context.Context, name string, _ int64) ([]byte, error) {
		return os.ReadFile(filepath.Join(list, name))
	}
}

// tables are the rules as known at a moment. The judge goes by the same
// decisions and its own reading of them.
func (r *run) tables(now time.Time) []*statuslist.Rules {
	r.known = r.City.Known(now)
	return r.City.RuleTables(now)
}

// scaledRanges gives each issued range of a city its share of so many cards.
func scaledRanges(p *city.Profile, cards uint32) (*statuslist.Ranges, error) {
	var runs []statuslist.Range
	all := uint64(0)
	for _, s := range p.Schemes {
		for _, g := range s.Ranges {
			runs = append(runs, statuslist.Range{Scheme: s.ID, First: g.First, Last: g.Last})
			all += g.Last - g.First + 1
		}
	}
	if all < uint64(cards) {
		return nil, fmt.Errorf("%s has issued %d cards, %d are needed", p.ID, all, cards)
	}
	left, from := uint64(cards), uint64(0)
	for i := range runs {
		n := runs[i].Last - runs[i].First + 1
		from += n
		// What is left over by rounding falls to the last.
		take := min(n, left-min(left, uint64(float64(cards)*float64(all-from)/float64(all))))
		runs[i].Last = runs[i].First + take - 1
		left -= take
	}
	runs = slices.DeleteFunc(runs, func(g statuslist.Range) bool { return g.Last+1 == g.First })
	schemes := p.Ranges().Schemes()
	return statuslist.NewRanges(schemes, runs...)
}

// send publishes what was staged and leads the gate to it.
func (r *run) send(ctx context.Context, now time.Time) error {
	t := time.Now()
	_, _, err := r.pub.Publish(now)
	if err != nil {
		return err
	}
	published := time.Now()
	if _, err := r.gate.Update(ctx, r.fetch); err != nil {
		return err
	}
	r.clocks.publish = append(r.clocks.publish, published.Sub(t))
	r.clocks.update = append(r.clocks.update, time.Since(published))
	return nil
}

// minute lets a minute pass: pairings that came through are published, riders
// tap, the gate answers, and at the full hour the journal is handed in.
func (r *run) minute(ctx context.Context, m int) error {
	now := r.from.Add(time.Duration(m) * time.Minute)
	r.retries = r.due[m]
	delete(r.due, m)
	for _, place := range r.retries {
		r.paired.set(place)
		r.pub.Set(r.people.shuffle.at(place), r.truth(place))
	}
	if r.announced(now) {
		if err := r.pub.SetRules(r.tables(now)); err != nil {
			return err
		}
	}
	if m > 0 {
		if err := r.send(ctx, now); err != nil {
			return err
		}
	}
	if err := r.fill(now); err != nil {
		return err
	}
	r.decide()
	for i := range r.batch {
		if err := r.account(&r.batch[i], m); err != nil {
			return err
		}
	}
	if end := now.Add(time.Minute); end.Minute() == 0 {
		return r.handIn(ctx, end)
	}
	return nil
}

// announced tells whether a decision became known in the minute before now.
func (r *run) announced(now time.Time) bool {
	for _, d := range r.City.Decisions {
		if d.Announced.After(now.Add(-time.Minute)) && !d.Announced.After(now) && now.After(r.from) {
			return true
		}
	}
	return false
}

// truth is what a place's card is now, whatever the list says.
func (r *run) truth(place uint32) statuslist.Status {
	if r.paired.has(place) {
		return statuslist.Status{Class: statuslist.Class(class[r.people.kindAt(place)])}
	}
	return r.people.status(place)
}

// fill draws the minute's taps.
func (r *run) fill(now time.Time) error {
	r.batch = r.batch[:0]
	hour := now.Hour()
	r.carry += expected(r.Boardings*r.Scale, now, hour) / 60
	n := int(r.carry)
	r.carry -= float64(n)
	today := statuslist.DayOf(now)
	var mixed [fares]float64
	total := 0.0
	for f := range mixed {
		mixed[f] = fareShare[f] * fareHours[f][hour]
		total += mixed[f]
	}
	for range n {
		place := noPlace
		if r.rng.Float64() >= mistyped {
			place = r.drawRider(mixed, total, today)
		}
		if err := r.add(r.rng, now, hour, place, false); err != nil {
			return err
		}
	}
	for _, place := range r.retries {
		if err := r.add(r.react, now, hour, place, true); err != nil {
			return err
		}
	}
	return nil
}

// drawRider draws who rides. A stopped rider mostly stays at home, and another
// rides in his stead.
func (r *run) drawRider(mixed [fares]float64, total float64, today statuslist.Day) uint32 {
	for {
		x := r.rng.Float64() * total
		f := fare(0)
		for f < fares-1 && x >= mixed[f] {
			x -= mixed[f]
			f++
		}
		k := r.drawKind(f)
		q := &r.people.pools[k]
		place := r.people.rider(k, r.rng.Uint32N(q.riders))
		if place-q.first < q.stopped && r.people.status(place).Stopped(today) && r.rng.Float64() < atHome {
			continue
		}
		return place
	}
}

// drawKind draws a kind among those that pay a fare, by how many ride today.
func (r *run) drawKind(f fare) kind {
	all := uint32(0)
	for k, q := range r.people.pools {
		if payer[k] == f {
			all += q.riders
		}
	}
	n := r.rng.Uint32N(all)
	for k, q := range r.people.pools {
		if payer[k] != f {
			continue
		}
		if n < q.riders {
			return kind(k)
		}
		n -= q.riders
	}
	return anonymous
}

// add puts a tap into the minute, with the number as it is printed.
func (r *run) add(rng *rand.Rand, now time.Time, hour int, place uint32, retry bool) error {
	at := r.Map.pick(hour, rng.Float64())
	t := rideTap{
		place: place, stop: uint32(at + 1), mode: r.Map.Places[at].Mode, retry: retry,
		at: now.Add(time.Duration(rng.IntN(60)) * time.Second),
	}
	var n statuslist.Number
	ok := true
	if place == noPlace {
		n = r.unissued()
	} else {
		n, ok = r.ranges.Number(r.people.shuffle.at(place))
	}
	var digits string
	if ok {
		digits, ok = r.format[n.Scheme].Format(n.Value)
	}
	if !ok || len(digits) > len(t.digits) {
		return fmt.Errorf("no number for place %d", place)
	}
	t.size = copy(t.digits[:], digits)
	r.batch = append(r.batch, t)
	return nil
}

// unissued draws a well-formed number that no card bears.
func (r *run) unissued() statuslist.Number {
	for {
		n, _ := r.ranges.Number(r.rng.Uint32N(r.ranges.Len()))
		n.Value += 1 + uint64(r.rng.Uint32N(1<<31))
		if _, issued := r.ranges.Index(n); !issued {
			return n
		}
	}
}

// decide is the gate's own work, timed alone: from printed digits to answer.
func (r *run) decide() {
	began := time.Now()
	for i := range r.batch {
		t := &r.batch[i]
		n, _ := r.gate.Parse(t.digits[:t.size])
		t.answer = r.gate.Ask(n, t.at, t.mode)
	}
	r.clocks.decide += time.Since(began)
	r.clocks.decided += uint64(len(r.batch))
}

// account journals an answer as a device does, judges it, and lets the rider
// do what riders do.
func (r *run) account(t *rideTap, m int) error {
	if err := r.journal.Record(t.answer, gate.Tap{At: t.at, Uptime: t.at.Sub(r.from), Stop: t.stop, Mode: t.mode}); err != nil {
		return err
	}
	if want := r.judge(t); t.answer.Decision != want {
		r.result.Wrong++
	}
	opened := t.answer.Decision == gate.Admit || t.answer.Decision == gate.AdmitFullFare
	if t.retry && opened {
		r.result.Reopened++
	}
	if opened || t.place == noPlace {
		return nil
	}
	if !t.at.Before(r.midnight) {
		r.refused.set(t.place)
		if t.answer.Stopped {
			r.stops[t.place] = struct{}{}
		}
	}
	if t.answer.Class == statuslist.Class(card.Unpaired) && !t.answer.Stopped && !r.pairing.has(t.place) && r.react.Float64() < r.PairAtGate {
		// Five minutes is what a pairing may take a citizen; half a minute
		// passes before he gives up on the gate and takes out the phone.
		took := 3 + r.react.IntN(8)
		r.pairing.set(t.place)
		r.due[m+took] = append(r.due[m+took], t.place)
		r.result.PairedAtGate++
	}
	return nil
}

// handIn seals the hour's journal and takes the batch in, as the city's server
// would.
func (r *run) handIn(ctx context.Context, now time.Time) error {
	if _, err := r.journal.Seal(now, now.Sub(r.from)); err != nil {
		return err
	}
	names, err := r.journal.Batches()
	if err != nil {
		return err
	}
	for _, name := range names {
		file, err := r.journal.Batch(name)
		if err != nil {
			return err
		}
		if _, err := (tap.Service{Store: r.taps}).Take(ctx, r.City.ID, file, now); err != nil {
			return err
		}
		if err := r.journal.Done(name); err != nil {
			return err
		}
	}
	return nil
}
