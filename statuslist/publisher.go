package statuslist

import (
	"crypto/ed25519"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// PublisherConfig says what is published where, and by whom.
type PublisherConfig struct {
	// Dir is the folder a static server hands out; files go to Dir/City.
	Dir, City string
	// Ranges are the cards issued so far. What was published before must be
	// their beginning, or go on from them (cards appended one by one).
	Ranges *Ranges
	// Default is the status of a card nobody has set.
	Default Status
	// Rules are used if none were published yet.
	Rules []*Rules
	// Key signs heads; the newest of Roots must name it.
	Key ed25519.PrivateKey
	// Roots are the files of every root version, from the first on.
	Roots [][]byte
	// Secret, if there is one, seals full lists and deltas for the gates that
	// share it.
	Secret *Secret
	// MaxAge is how long a head may be believed; 7 days if zero.
	MaxAge time.Duration
	// Refresh is how old a head may grow before it is signed again although
	// nothing changed; a minute if zero.
	Refresh time.Duration
	// Keep is how long a file no head names any more stays for gates that
	// still hold the head before; an hour if zero.
	Keep time.Duration
}

// Publisher keeps a city's list and writes it as files: immutable ones named
// by their content, and the head. It is safe for concurrent use.
type Publisher struct {
	cfg  PublisherConfig
	dir  string
	root uint32

	publishing sync.Mutex // one Publish at a time
	list       *List
	head       Head
	haveHead   bool
	unsent     []uint32  // cards changed in list but in no published head yet
	unsentFold [256]byte // states folded likewise
	history    history
	retired    map[string]time.Time

	chips chips

	mu          sync.Mutex // guards what is staged
	staged      map[uint32]Status
	stagedChips map[uint64]Status
	ranges      *Ranges
	rules       []*Rules
	renewed     bool // rules or ranges differ from the head's
	blank       bool // publish as if something had changed
}

// OpenPublisher goes on from what is in the folder, or starts the list with
// every card at the default status. The published files are the only state.
func OpenPublisher(cfg PublisherConfig) (*Publisher, error) {
	if cfg.MaxAge == 0 {
		cfg.MaxAge = 7 * 24 * time.Hour
	}
	if cfg.Refresh == 0 {
		cfg.Refresh = time.Minute
	}
	if cfg.Keep == 0 {
		cfg.Keep = time.Hour
	}
	p := &Publisher{
		cfg: cfg, dir: filepath.Join(cfg.Dir, cfg.City), unsentFold: identity,
		staged: map[uint32]Status{}, stagedChips: map[uint64]Status{}, retired: map[string]time.Time{},
	}
	if err := p.open(); err != nil {
		return nil, fmt.Errorf("open publisher of %s: %w", cfg.City, err)
	}
	return p, nil
}

func (p *Publisher) open() error {
	if !validName(p.cfg.City) {
		return fmt.Errorf("city %q is no folder name", p.cfg.City)
	}
	if p.cfg.Default.StopUntil != 0 && p.cfg.Default.StopUntil != Forever || p.cfg.Default.Class >= Classes {
		return fmt.Errorf("default status %v: a class below %d, and no stop that ends", p.cfg.Default, Classes)
	}
	if p.cfg.Ranges == nil || len(p.cfg.Roots) == 0 || len(p.cfg.Key) != ed25519.PrivateKeySize {
		return fmt.Errorf("ranges, roots and a key are needed")
	}
	if err := os.MkdirAll(p.dir, 0o755); err != nil {
		return err
	}
	root, err := p.openRoots()
	if err != nil {
		return err
	}
	p.ranges, p.rules = p.cfg.Ranges, p.cfg.Rules
	file, err := os.ReadFile(filepath.Join(p.dir, HeadName))
	if os.IsNotExist(err) {
		p.list = NewList(0, p.cfg.Default)
		return nil
	}
	if err != nil {
		return err
	}
	return p.resume(root, file)
}

// openRoots checks the chain of roots, writes their files and makes sure the
// newest lets this publisher sign.
func (p *Publisher) openRoots() (*Root, error) {
	var root *Root
	for i, file := range p.cfg.Roots {
		next, err := ParseRoot(file)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			root, err = Anchor{Fingerprint: next.Fingerprint()}.VerifyFirst(file)
		} else {
			root, err = root.VerifyNext(file)
		}
		if err != nil {
			return nil, err
		}
		if err := p.write(RootName(root.Version), file); err != nil {
			return nil, err
		}
	}
	id := KeyIDOf(p.cfg.Key.Public().(ed25519.PublicKey))
	if root.City != p.cfg.City || !root.Trusts(id) {
		return nil, fmt.Errorf("%w: root %d of %q does not name list key %s", ErrSignature, root.Version, root.City, id)
	}
	p.root = root.Version
	return root, nil
}

// resume reads the list back from its own files. The head's digests prove
// them; its signature may be of a key that was replaced since.
func (p *Publisher) resume(root *Root, file []byte) error {
	h, err := ParseHead(file)
	if err != nil {
		return err
	}
	if h.City != root.City {
		return fmt.Errorf("%w: the folder holds the list of another city", ErrSignature)
	}
	sealed := func(name string) ([]byte, error) { return os.ReadFile(filepath.Join(p.dir, name)) }
	read := func(name string) ([]byte, error) {
		file, err := sealed(name)
		if err != nil {
			return nil, err
		}
		return p.cfg.Secret.Unseal(file)
	}
	if p.list, err = h.Load(read); err != nil {
		return err
	}
	published, err := h.LoadRanges(read)
	if err != nil {
		return err
	}
	switch {
	case published.extends(p.cfg.Ranges):
		p.ranges = published
	case p.cfg.Ranges.extends(published):
		if p.ranges, err = p.cfg.Ranges.on(published); err != nil {
			return err
		}
	default:
		return fmt.Errorf("the ranges given do not begin with the %d cards published", published.Len())
	}
	if p.rules, err = h.LoadRules(read); err != nil {
		return err
	}
	if err := p.resumeChips(h, sealed); err != nil {
		return err
	}
	p.renewed = p.ranges != published || h.Root != p.root
	p.head, p.haveHead = *h, true
	p.history.carry(h)
	return p.retireStrangers()
}

// retireStrangers marks what earlier runs left in the folder.
func (p *Publisher) retireStrangers() error {
	entries, err := os.ReadDir(p.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && prunable(e.Name()) {
			p.retired[e.Name()] = info.ModTime()
		}
	}
	return nil
}

// Status is what the list says of a card, staged changes included.
func (p *Publisher) Status(index uint32) (Status, bool) {
	p.publishing.Lock()
	defer p.publishing.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	if s, ok := p.staged[index]; ok {
		return s, true
	}
	if index < p.list.Len() {
		return p.list.Status(index), true
	}
	return p.cfg.Default, index < p.ranges.Len()
}

// Set stages a card's status for the next Publish. An index past the ranges
// is ignored: there is no such card.
func (p *Publisher) Set(index uint32, s Status) {
	s = s.settable()
	p.mu.Lock()
	defer p.mu.Unlock()
	if index < p.ranges.Len() {
		p.staged[index] = s
	}
}

// SetAll takes many statuses at once, straight into the array that the next
// Publish writes: for a server that fills the list or compares all of it with
// its store. Indices past the published or staged ranges are passed over, a
// later one counts over an earlier, and both over what Set staged before.
func (p *Publisher) SetAll(all iter.Seq2[uint32, Status]) error {
	p.publishing.Lock()
	defer p.publishing.Unlock()
	p.mu.Lock()
	ranges := p.ranges
	p.mu.Unlock()

	t := p.list.states()
	c := &change{cards: ranges.Len(), remap: identity}
	var ok bool
	if c.fill, ok = t.place(p.cfg.Default); !ok {
		return fmt.Errorf("set all of %s: %w", p.cfg.City, ErrStates)
	}
	if c.cards > p.list.Len() {
		p.list = p.list.clone(c.cards, c.fill)
	}
	states := map[Status]byte{}
	full := 0
	for index, s := range all {
		s = s.settable()
		state, known := states[s]
		if !known {
			if state, ok = t.place(s); !ok {
				full++
				continue
			}
			states[s] = state
		}
		if index < c.cards && p.list.bytes[index] != state {
			// Not yet in force: the digests follow in take.
			p.list.bytes[index] = state
			c.index = append(c.index, index)
		}
	}
	if !slices.IsSorted(c.index) {
		slices.Sort(c.index)
	}
	c.index = slices.Compact(c.index)
	c.state = make([]byte, len(c.index))
	for i, index := range c.index {
		c.state[i] = p.list.bytes[index]
	}
	c.table = t
	p.mu.Lock()
	for _, index := range c.index {
		delete(p.staged, index)
	}
	p.mu.Unlock()
	p.take(c)
	if full > 0 {
		return fmt.Errorf("set all of %s: %d cards left out: %w", p.cfg.City, full, ErrStates)
	}
	return nil
}

// Index finds a card in the ranges as they will next be published.
func (p *Publisher) Index(n Number) (uint32, bool) { return p.Ranges().Index(n) }

// Ranges are the ranges as they will next be published.
func (p *Publisher) Ranges() *Ranges {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ranges
}

// SetRules stages the tables of rules, all that are in force or to come.
func (p *Publisher) SetRules(rules []*Rules) error {
	if len(rules) > maxHeadRules {
		return fmt.Errorf("set rules: %d tables, at most %d", len(rules), maxHeadRules)
	}
	for _, r := range rules {
		if err := r.Validate(); err != nil {
			return fmt.Errorf("set rules: %w", err)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rules, p.renewed = slices.Clone(rules), true
	return nil
}

// SetRanges stages a longer table of issued cards. It must begin with the one
// before: a card's index never moves.
func (p *Publisher) SetRanges(r *Ranges) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !r.extends(p.ranges) {
		return fmt.Errorf("set ranges: they do not begin with the %d cards issued so far", p.ranges.Len())
	}
	next, err := r.on(p.ranges)
	if err != nil {
		return fmt.Errorf("set ranges: %w", err)
	}
	p.renewed = p.renewed || next != p.ranges
	p.ranges = next
	return nil
}

// Head is the head last published; ok is false before the first.
func (p *Publisher) Head() (h Head, ok bool) {
	p.publishing.Lock()
	defer p.publishing.Unlock()
	return p.head, p.haveHead
}

// Publish writes what was staged and a head that names it, and says whether
// it wrote a head. Where nothing changed the head is signed again once it is
// older than Refresh. now is the server's clock.
func (p *Publisher) Publish(now time.Time) (Head, bool, error) {
	p.publishing.Lock()
	defer p.publishing.Unlock()
	wrote, err := p.publish(now.UTC().Truncate(time.Second))
	if err != nil {
		err = fmt.Errorf("publish list of %s: %w", p.cfg.City, err)
	}
	return p.head, wrote, err
}

func (p *Publisher) publish(now time.Time) (bool, error) {
	p.mu.Lock()
	staged, ranges, rules, renewed := p.staged, p.ranges, p.rules, p.renewed
	chips := p.stagedChips
	blank := p.blank
	p.staged, p.stagedChips, p.renewed, p.blank = map[uint32]Status{}, map[uint64]Status{}, false, false
	p.mu.Unlock()
	if blank {
		p.stir()
	}

	left, stateErr := p.absorb(staged, ranges, rules, now)
	p.absorbChips(chips, func(s Status) bool { return ended(s, InForce(rules, now), now) })
	wrote, err := p.send(ranges, rules, renewed, now)
	p.mu.Lock()
	defer p.mu.Unlock()
	for index, s := range left {
		if _, newer := p.staged[index]; !newer {
			p.staged[index] = s
		}
	}
	if err != nil {
		p.renewed = p.renewed || renewed
		return wrote, err
	}
	return wrote, stateErr
}

// absorb takes what was staged into the array and notes it as unsent. What
// found no state is given back: the rest must not wait for it.
func (p *Publisher) absorb(staged map[uint32]Status, ranges *Ranges, rules []*Rules, now time.Time) (left map[uint32]Status, err error) {
	before := p.list.states()
	t := before
	fold := p.foldEnded(&t, rules, now)
	fill, ok := t.place(p.cfg.Default)
	if !ok {
		return staged, fmt.Errorf("default status: %w", ErrStates)
	}
	c := &change{cards: ranges.Len(), fill: fill, remap: fold, folds: fold != identity}
	for index := range staged {
		c.index = append(c.index, index)
	}
	slices.Sort(c.index)
	kept := c.index[:0]
	inForce := InForce(rules, now)
	for _, index := range c.index {
		status := staged[index]
		if ended(status, inForce, now) {
			status.StopUntil = 0
		}
		state, ok := t.place(status)
		if !ok {
			if left == nil {
				left = map[uint32]Status{}
			}
			left[index] = staged[index]
			continue
		}
		old := fill
		if index < p.list.Len() {
			old = fold[p.list.bytes[index]]
		}
		if state != old {
			kept = append(kept, index)
			c.state = append(c.state, state)
		}
	}
	c.index, c.table = kept, t
	if len(left) > 0 {
		err = fmt.Errorf("%d cards wait: %w", len(left), ErrStates)
	}
	p.take(c)
	return left, err
}

// foldEnded turns every stop that ended before yesterday into its plain
// class: for all cards at once, at the price of two bytes. Yesterday's are
// left to the gates, whose day may still be that one.
func (p *Publisher) foldEnded(t *states, rules []*Rules, now time.Time) (fold [256]byte) {
	fold = identity
	r := InForce(rules, now)
	if r == nil {
		return fold
	}
	for i, s := range t.status {
		if !t.used[i] || !ended(s, r, now) {
			continue
		}
		// The state is free for another meaning only after this publication:
		// a delta must not both empty and fill it.
		if plain, ok := t.place(Status{Class: s.Class}); ok {
			fold[i] = plain
		} else {
			// A full table: the entry itself becomes the plain class.
			t.status[i].StopUntil = 0
		}
	}
	return fold
}

// ended says whether a stop is over by the city's day, and yesterday's too.
func ended(s Status, r *Rules, now time.Time) bool {
	if r == nil || s.StopUntil == 0 {
		return false
	}
	today, _, _ := r.Local(now)
	return s.StopUntil < today-1
}

// take applies a change to the publisher's own array.
func (p *Publisher) take(c *change) {
	if c.cards > p.list.Len() {
		p.list = p.list.clone(c.cards, c.fill)
	}
	final := c.table
	for i, to := range c.remap {
		if int(to) != i {
			final.used[i], final.status[i] = false, Status{}
		}
	}
	c.table = final
	p.list.overlay(c)
	p.list.settle()
	for i, to := range p.unsentFold {
		p.unsentFold[i] = c.remap[to]
	}
	p.unsent = union(p.unsent, c.index)
}

// send writes files for what is unsent, then the head.
func (p *Publisher) send(ranges *Ranges, rules []*Rules, renewed bool, now time.Time) (bool, error) {
	h := Head{
		City: p.cfg.City, Issued: now, NotAfter: now.Add(p.cfg.MaxAge), Root: p.root,
		Cards: p.list.Len(), Array: p.list.Digest(), Ranges: ranges.Digest(),
	}
	if p.haveHead && p.head.Issued.After(now) {
		h.Issued = p.head.Issued // the clock went back; heads do not
	}
	chips := p.chips.news()
	news := !p.haveHead || renewed || h.Array != p.head.Array || h.Ranges != p.head.Ranges || len(chips) > 0
	if !news {
		if now.Sub(p.head.Issued) < p.cfg.Refresh {
			return false, nil
		}
		h.Sequence, h.Rules, h.Full, h.Deltas = p.head.Sequence, p.head.Rules, p.head.Full, p.head.Deltas
		h.Functions = p.head.Functions
		return true, p.sign(h)
	}
	h.Sequence = max(p.head.Sequence+1, uint64(max(now.Unix(), 0)))
	if err := p.writeParts(&h, ranges, rules); err != nil {
		return false, err
	}
	if err := p.writeDeltas(&h); err != nil {
		return false, err
	}
	said := &p.chips.said
	if len(chips) > 0 {
		var err error
		if said, err = p.writeFunctions(chips, h.Sequence, func(s Status) bool { return ended(s, InForce(rules, now), now) }); err != nil {
			return false, err
		}
	}
	if len(said.refs) > 0 {
		h.Functions = said.Digest()
	}
	if err := p.sign(h); err != nil {
		return false, err
	}
	p.unsent, p.unsentFold = nil, identity
	p.chips.said, p.chips.due, p.chips.compared = *said, nil, true
	return true, p.prune(ranges, now)
}

// writeParts writes the rules and the chain of ranges.
func (p *Publisher) writeParts(h *Head, ranges *Ranges, rules []*Rules) error {
	for _, r := range rules {
		file := r.Marshal()
		d := Sum(file)
		h.Rules = append(h.Rules, d)
		if err := p.write(RulesName(d), file); err != nil {
			return err
		}
	}
	for r := ranges; r != nil; r = r.up {
		if err := p.write(RangesName(r.Digest()), r.Marshal()); err != nil {
			return err
		}
	}
	return nil
}

// sign writes the head, the last file of a publication.
func (p *Publisher) sign(h Head) error {
	file := h.Sign(p.cfg.Key)
	// What the head names is in the folder for good before the head is.
	if err := syncDir(p.dir); err != nil {
		return err
	}
	if err := WriteFile(filepath.Join(p.dir, HeadName), file); err != nil {
		return err
	}
	p.head, p.haveHead = h, true
	return nil
}

// write writes an immutable file, unless it is there: it was put in place
// whole, under a name that says what is in it.
func (p *Publisher) write(name string, file []byte) error {
	path := filepath.Join(p.dir, name)
	if info, err := os.Stat(path); err == nil && info.Size() == int64(len(file)) {
		return nil
	}
	return putFile(path, file)
}

// WriteFile puts a whole file in place of whatever was there so that a power
// cut leaves the one or the other: written aside, synced, renamed, and the
// folder synced.
func WriteFile(path string, file []byte) error {
	if err := putFile(path, file); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// putFile is WriteFile short of syncing the folder.
func putFile(path string, file []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // gone already if all went well
	_, err = f.Write(file)
	if err == nil {
		err = f.Chmod(fs.FileMode(0o644))
	}
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	return err
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
