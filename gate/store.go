package gate

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"turnike/statuslist"
)

// ErrRollback: a head older than one this gate has already believed.
var ErrRollback = errors.New("gate: head is older than the one held")

// Fetch gets a file of the city's folder by its name, of at most limit bytes.
// It gives an error that is fs.ErrNotExist where there is no such file.
type Fetch func(ctx context.Context, name string, limit int64) ([]byte, error)

// store is what the gate's folder holds: the files of the list, and the
// record that says which of them count. Files are written first, the record
// last, in one rename: a power cut leaves the list before or the list after.
type store struct {
	root     *statuslist.Root
	rootFile []byte
	// ratchet is the highest sequence believed, by key. Of keys the root no
	// longer names nothing is kept: what a thief pushed forward goes with the
	// stolen key.
	ratchet  map[statuslist.KeyID]uint64
	headFile []byte
	head     *statuslist.Head
	// full and deltas are the files the array is made of, in order.
	full   string
	deltas []string
}

const (
	recordName = "installed"
	// spareName is the record before, for a medium that lost the last one: its
	// ratchet still tells an old list from a new one.
	spareName   = "installed.1"
	recordMagic = "TKLG\x01"
	// maxReplay is how many deltas a gate strings together before it asks for
	// a full list: starting up stays short.
	maxReplay    = 4096
	maxSmallFile = 1 << 20
)

func (s *store) marshal() []byte {
	b := []byte(recordMagic)
	put := func(p []byte) {
		b = binary.AppendUvarint(b, uint64(len(p)))
		b = append(b, p...)
	}
	put(s.rootFile)
	b = binary.AppendUvarint(b, uint64(len(s.ratchet)))
	for id, seq := range s.ratchet {
		b = append(b, id[:]...)
		b = binary.AppendUvarint(b, seq)
	}
	put(s.headFile)
	put([]byte(s.full))
	put([]byte(strings.Join(s.deltas, "\n")))
	sum := statuslist.Sum(b)
	return append(b, sum[:]...)
}

func (s *store) unmarshal(b []byte) error {
	bad := errors.New("the record of what is installed is damaged")
	n := len(b) - len(statuslist.Digest{})
	if n < len(recordMagic) || string(b[:len(recordMagic)]) != recordMagic || statuslist.Sum(b[:n]) != statuslist.Digest(b[n:]) {
		return bad
	}
	b = b[len(recordMagic):n]
	number := func() (v uint64) {
		v, n := binary.Uvarint(b)
		b = b[max(n, 0):]
		return v
	}
	get := func() (p []byte) {
		size := number()
		if size > uint64(len(b)) {
			b = nil
			return nil
		}
		p, b = b[:size], b[size:]
		return p
	}
	s.rootFile = get()
	s.ratchet = map[statuslist.KeyID]uint64{}
	for n := number(); n > 0; n-- {
		if len(b) < len(statuslist.KeyID{}) {
			return bad
		}
		id := statuslist.KeyID(b[:8])
		b = b[8:]
		s.ratchet[id] = number()
	}
	s.headFile, s.full = get(), string(get())
	if names := string(get()); names != "" {
		s.deltas = strings.Split(names, "\n")
	}
	var err error
	if s.root, err = statuslist.ParseRoot(s.rootFile); err != nil {
		return err
	}
	if len(s.headFile) > 0 {
		s.head, err = statuslist.ParseHead(s.headFile)
	}
	return err
}

// load takes up what the folder holds. The record's own digest guards against
// a worn medium, the head's digests against everything in the files.
func (g *Gate) load() error {
	err := g.loadRecord(recordName)
	if err != nil {
		if spareErr := g.loadRecord(spareName); spareErr != nil {
			return err
		}
	}
	if g.store.root == nil {
		return nil
	}
	if g.store.root.City != g.cfg.City {
		return fmt.Errorf("the folder holds the list of another city")
	}
	if g.store.head == nil {
		return nil
	}
	snap, err := g.read()
	if errors.Is(err, statuslist.ErrSealed) {
		if rules, err := g.store.head.LoadRules(g.readFile); err == nil {
			g.sealed = newSnapshot(g.store.head, nil, nil, statuslist.NewCalendar(rules))
		}
	}
	if err != nil {
		// The root and the ratchet stay; the list is fetched anew.
		g.store.full, g.store.deltas, g.store.head, g.store.headFile = "", nil, nil, nil
		return nil
	}
	g.live.Store(snap)
	return nil
}

// loadRecord reads a record; none at all is an empty gate.
func (g *Gate) loadRecord(name string) error {
	record, err := g.readFile(name)
	if os.IsNotExist(err) && name == recordName {
		return nil
	}
	if err != nil {
		return err
	}
	var s store
	if err := s.unmarshal(record); err != nil {
		return err
	}
	g.store = s
	return nil
}

func (g *Gate) readFile(name string) ([]byte, error) { return os.ReadFile(filepath.Join(g.dir, name)) }

// read makes the snapshot of the record's head out of the folder's files.
func (g *Gate) read() (*snapshot, error) {
	h := g.store.head
	readList := func(name string) ([]byte, error) {
		file, err := g.readFile(name)
		if err != nil {
			return nil, err
		}
		return g.cfg.Secret.Unseal(file)
	}
	var err error
	deltas := make([][]byte, len(g.store.deltas))
	for i, name := range g.store.deltas {
		if deltas[i], err = readList(name); err != nil {
			return nil, err
		}
	}
	var list *statuslist.List
	if array, err := statuslist.MapList(g.arrayPath(g.store.full), h.Cards); err == nil {
		list, _ = array.Apply(h, deltas) // proved by the head's digest, or made anew
	}
	if list == nil {
		full, err := readList(g.store.full)
		if err != nil {
			return nil, err
		}
		if list, err = statuslist.DecodeFull(full, h.Cards); err != nil {
			return nil, err
		}
		if list, err = g.mapped(list, g.store.full, h.Cards).Apply(h, deltas); err != nil {
			return nil, err
		}
	}
	return g.snapshot(h, list, g.readFile, func(name string, _ int64) ([]byte, *statuslist.Mapped, error) { return g.mapFile(name) })
}

// arrayPath is where the array of a full list lies.
func (g *Gate) arrayPath(full string) string {
	return filepath.Join(g.dir, "array-"+strings.TrimPrefix(full, "full-"))
}

// mapped gives the list of a full list's file, mapped from an array that it
// writes: once for every full list, while a delta changes memory only, and no
// flash. Where that cannot be done the list does as it is.
func (g *Gate) mapped(list *statuslist.List, full string, cards uint32) *statuslist.List {
	path := g.arrayPath(full)
	if err := list.WriteArray(path); err != nil {
		return list
	}
	m, err := statuslist.MapList(path, cards)
	if err != nil || m.Digest() != list.Digest() {
		return list
	}
	return m
}

func (g *Gate) mapFile(name string) ([]byte, *statuslist.Mapped, error) {
	m, err := statuslist.MapFile(filepath.Join(g.dir, name))
	if err != nil {
		return nil, nil, err
	}
	return m.Bytes(), m, nil
}

// snapshot joins a list with the head's ranges, rules and functions.
func (g *Gate) snapshot(h *statuslist.Head, list *statuslist.List, read func(string) ([]byte, error), source statuslist.FunctionSource) (*snapshot, error) {
	old := g.live.Load()
	var ranges *statuslist.Ranges
	var err error
	if old != nil && old.head.Ranges == h.Ranges {
		ranges = old.ranges
	} else if ranges, err = h.LoadRanges(read); err != nil {
		return nil, err
	}
	rules, err := h.LoadRules(read)
	if err != nil {
		return nil, err
	}
	var said *statuslist.Functions
	if old != nil {
		said = old.functions
	}
	if said, err = h.LoadFunctions(said, source, g.cfg.Secret.Unseal); err != nil {
		return nil, err
	}
	snap := newSnapshot(h, ranges, list, statuslist.NewCalendar(rules))
	snap.functions = said
	return snap, nil
}

// Update leads the gate to the head the source holds and says whether that
// was news. On any error the gate goes on as it was.
func (g *Gate) Update(ctx context.Context, fetch Fetch) (changed bool, err error) {
	g.updating.Lock()
	defer g.updating.Unlock()
	if changed, err = g.update(ctx, fetch); err != nil {
		return false, fmt.Errorf("update list of %s: %w", g.cfg.City, err)
	}
	return changed, nil
}

func (g *Gate) update(ctx context.Context, fetch Fetch) (bool, error) {
	headFile, err := fetch(ctx, statuslist.HeadName, maxSmallFile)
	if err != nil {
		return false, err
	}
	if bytes.Equal(headFile, g.store.headFile) {
		return false, nil
	}
	claimed, err := statuslist.ParseHead(headFile)
	if err != nil {
		return false, err
	}
	// New roots first, and durably: a revocation must hold even if the list
	// that comes with it cannot be had.
	if err := g.followRoots(ctx, claimed.Root, fetch); err != nil {
		return false, err
	}
	h, err := g.store.root.VerifyHead(headFile)
	if err != nil {
		return false, err
	}
	if err := g.store.allows(h); err != nil {
		return false, err
	}
	if err := g.install(ctx, h, headFile, fetch); err != nil {
		return false, err
	}
	g.sweep()
	return true, nil
}

// followRoots walks the chain of roots up to a version.
func (g *Gate) followRoots(ctx context.Context, version uint32, fetch Fetch) error {
	for g.store.root == nil || g.store.root.Version < version {
		next := uint32(1)
		if g.store.root != nil {
			next = g.store.root.Version + 1
		}
		file, err := fetch(ctx, statuslist.RootName(next), maxSmallFile)
		if err != nil {
			return err
		}
		root, err := g.verifyRoot(file)
		if err != nil {
			return err
		}
		s := g.store
		s.root, s.rootFile = root, bytes.Clone(file)
		s.ratchet = map[statuslist.KeyID]uint64{}
		for id, seq := range g.store.ratchet {
			if root.Trusts(id) {
				s.ratchet[id] = seq
			}
		}
		if err := g.commit(&s); err != nil {
			return err
		}
		g.store = s
	}
	return nil
}

func (g *Gate) verifyRoot(file []byte) (*statuslist.Root, error) {
	if g.store.root != nil {
		return g.store.root.VerifyNext(file)
	}
	anchor := g.cfg.Anchor
	if anchor.Fingerprint == "" && len(anchor.Keys) == 0 {
		claimed, err := statuslist.ParseRoot(file)
		if err != nil {
			return nil, err
		}
		anchor.Fingerprint = claimed.Fingerprint()
	}
	root, err := anchor.VerifyFirst(file)
	if err != nil {
		return nil, err
	}
	if root.City != g.cfg.City {
		return nil, fmt.Errorf("%w: root of another city", statuslist.ErrSignature)
	}
	return root, nil
}

// allows refuses what is older than anything believed from a key that is
// still trusted, and the head held signed at an earlier time.
func (s *store) allows(h *statuslist.Head) error {
	for id, seq := range s.ratchet {
		if s.root.Trusts(id) && h.Sequence < seq {
			return fmt.Errorf("%w: %d, held %d", ErrRollback, h.Sequence, seq)
		}
	}
	if s.head != nil && s.root.Trusts(s.head.Key) && !h.Later(s.head) {
		return fmt.Errorf("%w: %d of %v, held %d of %v", ErrRollback, h.Sequence, h.Issued, s.head.Sequence, s.head.Issued)
	}
	return nil
}

// install fetches and proves what a head names, makes it durable, and only
// then switches.
func (g *Gate) install(ctx context.Context, h *statuslist.Head, headFile []byte, fetch Fetch) error {
	next := g.store
	next.head, next.headFile = h, bytes.Clone(headFile)
	next.ratchet = map[statuslist.KeyID]uint64{}
	for id, seq := range g.store.ratchet {
		next.ratchet[id] = seq
	}
	next.ratchet[h.Key] = max(next.ratchet[h.Key], h.Sequence)

	keep := g.keeper(ctx, h, fetch)
	// Ranges and rules first: they are small, and without them no list helps.
	snap, err := g.snapshot(h, nil, keep, g.functionKeeper(ctx, fetch))
	if err != nil {
		return err
	}
	list, err := g.fetchList(ctx, h, &next, keep)
	if err != nil {
		return err
	}
	if err := g.commit(&next); err != nil {
		return err
	}
	snap.list = list()
	g.live.Store(snap)
	g.store = next
	return nil
}

// keeper gives a reader that takes a file from the gate's folder, or fetches
// it and puts it there. A file that is not what its name says is not kept, and
// none is fetched past what the signed head lets it be.
func (g *Gate) keeper(ctx context.Context, h *statuslist.Head, fetch Fetch) func(string) ([]byte, error) {
	return func(name string) ([]byte, error) {
		if file, err := g.readFile(name); err == nil && statuslist.IsNamed(name, file) {
			return file, nil
		}
		file, err := fetch(ctx, name, h.Limit(name))
		if err != nil {
			return nil, err
		}
		if !statuslist.IsNamed(name, file) {
			return nil, fmt.Errorf("%w: %s", statuslist.ErrDigest, name)
		}
		return file, statuslist.WriteFile(filepath.Join(g.dir, name), file)
	}
}

// functionKeeper is keeper for functions: they are mapped, not read, and the
// file that names them says how long each may be.
func (g *Gate) functionKeeper(ctx context.Context, fetch Fetch) statuslist.FunctionSource {
	return func(name string, limit int64) ([]byte, *statuslist.Mapped, error) {
		if file, held, err := g.mapFile(name); err == nil && statuslist.IsNamed(name, file) {
			return file, held, nil
		}
		file, err := fetch(ctx, name, limit)
		if err != nil {
			return nil, nil, err
		}
		if !statuslist.IsNamed(name, file) {
			return nil, nil, fmt.Errorf("%w: %s", statuslist.ErrDigest, name)
		}
		if err := statuslist.WriteFile(filepath.Join(g.dir, name), file); err != nil {
			return nil, nil, err
		}
		return g.mapFile(name)
	}
}

func (g *Gate) commit(s *store) error {
	if last, err := g.readFile(recordName); err == nil {
		if err := statuslist.WriteFile(filepath.Join(g.dir, spareName), last); err != nil {
			return err
		}
	}
	return statuslist.WriteFile(filepath.Join(g.dir, recordName), s.marshal())
}

// fetchList proves the head's array, by deltas from the one held if that is
// the shorter way, else from a full list. What it gives does the switch.
func (g *Gate) fetchList(ctx context.Context, h *statuslist.Head, next *store, keep func(string) ([]byte, error)) (func() *statuslist.List, error) {
	live := g.live.Load()
	if live != nil && live.head.Array == h.Array {
		return func() *statuslist.List { return live.list }, nil
	}
	if live != nil && len(g.store.deltas) < maxReplay {
		list, err := g.proveFrom(live, h, next, keep)
		if err == nil || ctx.Err() != nil {
			return list, err
		}
		// A delta that cannot be had or does not fit leaves the full list.
	}
	return g.proveFrom(nil, h, next, keep)
}

// proveFrom fetches the way from what is live, nil for nothing. What turns
// out not to be what the head meant is not kept.
func (g *Gate) proveFrom(live *snapshot, h *statuslist.Head, next *store, keep func(string) ([]byte, error)) (func() *statuslist.List, error) {
	have := uint64(0)
	if live != nil {
		have = live.head.Sequence
	}
	full, refs, err := h.Plan(have)
	if err != nil {
		return nil, err
	}
	keepList := func(name string) ([]byte, error) {
		file, err := keep(name)
		if err != nil {
			return nil, err
		}
		return g.cfg.Secret.Unseal(file)
	}
	files := make([][]byte, len(refs))
	for i, ref := range refs {
		if files[i], err = keepList(ref.Name()); err != nil {
			return nil, err
		}
	}
	fullName, names := next.full, append([]string(nil), next.deltas...)
	var list *statuslist.List
	if full != nil {
		fullName, names = full.Name(), nil
		file, err := keepList(fullName)
		if err != nil {
			return nil, err
		}
		if list, err = statuslist.DecodeFull(file, h.Cards); err != nil {
			g.drop(fullName)
			return nil, err
		}
		list = g.mapped(list, fullName, h.Cards)
	} else {
		list = live.list
	}
	install, err := list.Prove(h, files)
	if err != nil {
		for _, ref := range refs {
			g.drop(ref.Name())
		}
		if full != nil {
			g.drop(fullName)
		}
		return nil, err
	}
	for _, ref := range refs {
		names = append(names, ref.Name())
	}
	next.full, next.deltas = fullName, names
	return install, nil
}

func (g *Gate) drop(name string) { os.Remove(filepath.Join(g.dir, name)) }

// sweep removes files that are not of the list installed. What cannot be
// removed now is tried again after the next update.
func (g *Gate) sweep() {
	named := map[string]bool{g.store.full: true, filepath.Base(g.arrayPath(g.store.full)): true}
	for _, d := range g.store.deltas {
		named[d] = true
	}
	live := g.live.Load()
	for _, name := range append(live.ranges.Files(), live.functions.Files()...) {
		named[name] = true
	}
	for _, d := range live.head.Rules {
		named[statuslist.RulesName(d)] = true
	}
	entries, err := os.ReadDir(g.dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		name := e.Name()
		for _, kind := range []string{"full-", "array-", "delta-", "ranges-", "rules-", "function-", "functions-", ".new-"} {
			if strings.HasPrefix(name, kind) && !named[name] {
				g.drop(name)
			}
		}
	}
}
