package statuslist

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func (p *Publisher) read(name string) ([]byte, error) { return os.ReadFile(filepath.Join(p.dir, name)) }

// follow leads a list from one sequence to the head by the head's files.
func follow(p *Publisher, h *Head, l *List, have uint64) (*List, int, error) {
	full, refs, err := h.Plan(have)
	if err != nil {
		return nil, 0, err
	}
	if full != nil {
		file, err := p.read(full.Name())
		if err != nil {
			return nil, 0, err
		}
		if l, err = DecodeFull(file, h.Cards); err != nil {
			return nil, 0, err
		}
	}
	var files [][]byte
	for _, ref := range refs {
		file, err := p.read(ref.Name())
		if err != nil {
			return nil, 0, err
		}
		if len(file) != int(ref.Size) || !IsNamed(ref.Name(), file) {
			return nil, 0, errors.New("a file is not what its reference says")
		}
		files = append(files, file)
	}
	l, err = l.Apply(h, files)
	return l, len(files), err
}

// TestEveryVersionFindsTheNewest publishes several hundred versions, with
// restarts, growth and days that fold stops, and at many of them leads a list
// of every earlier version to the newest by the files there are.
func TestEveryVersionFindsTheNewest(t *testing.T) {
	p := testPublisher(t, 3000)
	rng := rand.New(rand.NewPCG(4, 5))
	now := time.Unix(18642*86400, 0)
	type held struct {
		seq  uint64
		list *List
	}
	var past []held
	most := 0
	for v := range 400 {
		today := Day(now.Unix() / 86400)
		for range 1 + rng.IntN(8) {
			s := Status{Class: Class(rng.IntN(4))}
			if rng.IntN(3) == 0 {
				s.StopUntil = today + Day(rng.IntN(10))
			}
			p.Set(rng.Uint32N(p.Ranges().Len()), s)
		}
		switch {
		case v%90 == 89:
			r, err := p.Ranges().Append(Range{1, uint64(10_000 * (v + 1)), uint64(10_000*(v+1) + 50)})
			if err != nil {
				t.Fatal(err)
			}
			if err := p.SetRanges(r); err != nil {
				t.Fatal(err)
			}
		case v%130 == 129:
			cfg := p.cfg
			cfg.Ranges = p.Ranges()
			again, err := OpenPublisher(cfg)
			if err != nil {
				t.Fatal(err)
			}
			for i, s := range p.staged {
				again.Set(i, s)
			}
			p = again
		}
		now = now.Add(time.Duration(rng.IntN(4)) * 3 * time.Hour)
		h, _, err := p.Publish(now.Add(time.Duration(v) * time.Second))
		if err != nil {
			t.Fatal(err)
		}
		past = append(past, held{h.Sequence, p.list.clone(p.list.Len(), 0)})
		if v%23 != 0 && v < 398 {
			continue
		}
		for _, old := range past {
			got, files, err := follow(p, &h, old.list.clone(old.list.Len(), 0), old.seq)
			if err != nil {
				t.Fatalf("version %d from %d: %v", h.Sequence, old.seq, err)
			}
			if !slices.Equal(got.bytes, p.list.bytes) {
				t.Fatalf("version %d from %d: another array", h.Sequence, old.seq)
			}
			most = max(most, files)
		}
	}
	if most > 6 {
		t.Errorf("deltas on the longest way: got %d, want at most 6", most)
	}
}

// TestStopsFoldForNothing: a thousand stops end on one day, and no card is
// written for it.
func TestStopsFoldForNothing(t *testing.T) {
	p := testPublisher(t, 50_000)
	now := time.Unix(18642*86400, 0)
	for i := range uint32(1000) {
		p.Set(i*7, Status{Class: 1, StopUntil: 18650})
	}
	if _, _, err := p.Publish(now); err != nil {
		t.Fatal(err)
	}
	h, wrote, err := p.Publish(now.AddDate(0, 0, 20))
	if err != nil || !wrote {
		t.Fatalf("wrote %v, %v", wrote, err)
	}
	if len(h.Deltas) != 1 || h.Deltas[0].Size > 100 {
		t.Errorf("deltas: got %+v, want one of at most 100 bytes", h.Deltas)
	}
	for i := range uint32(1000) {
		if got := p.list.Status(i * 7); got != (Status{Class: 1}) {
			t.Fatalf("card %d: got %v, want its plain class", i*7, got)
		}
	}
}

func TestMoreStatesThanThereAre(t *testing.T) {
	p := testPublisher(t, 1000)
	now := time.Unix(18642*86400, 0)
	for i := range uint32(300) {
		p.Set(i, Status{Class: Class(i % 3), StopUntil: 18700 + Day(i)})
	}
	h, wrote, err := p.Publish(now)
	if !errors.Is(err, ErrStates) || !wrote {
		t.Fatalf("got wrote %v, %v, want the rest written and %v", wrote, err, ErrStates)
	}
	if h.Cards != 1000 {
		t.Errorf("cards: got %d, want 1000", h.Cards)
	}
	// When the first stops have ended there is room, and those that waited go.
	if _, _, err := p.Publish(now.AddDate(0, 0, 120)); !errors.Is(err, ErrStates) && err != nil {
		t.Fatal(err)
	}
	if _, _, err := p.Publish(now.AddDate(0, 0, 121)); err != nil {
		t.Fatalf("once there is room: %v", err)
	}
	for i := range uint32(300) {
		s, _ := p.Status(i)
		if want := 18700 + Day(i); s.StopUntil != want && want >= 18642+121 {
			t.Errorf("card %d: got %v, want a stop until %v", i, s, want)
		}
	}
}

// TestPowerCutWhilePublishing leaves every file of a publication but the
// head: what opens goes on from the head before.
func TestPowerCutWhilePublishing(t *testing.T) {
	p := testPublisher(t, 1000)
	now := time.Unix(18642*86400, 0)
	if _, _, err := p.Publish(now); err != nil {
		t.Fatal(err)
	}
	head, err := p.read(HeadName)
	if err != nil {
		t.Fatal(err)
	}
	p.Set(5, Status{Class: 1})
	lost, _, err := p.Publish(now.Add(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(p.dir, HeadName), head, 0o644); err != nil {
		t.Fatal(err)
	}
	again, err := OpenPublisher(p.cfg)
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := again.Status(5); got != (Status{}) {
		t.Errorf("card 5: got %v, want it unchanged", got)
	}
	again.Set(5, Status{Class: 2})
	h, _, err := again.Publish(now.Add(2 * time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	if h.Sequence <= lost.Sequence {
		t.Errorf("sequence: got %d, want above %d, which somebody may have seen", h.Sequence, lost.Sequence)
	}
	l, _, err := follow(again, &h, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	if got := l.Status(5); got != (Status{Class: 2}) {
		t.Errorf("card 5 from the files: got %v, want class 2", got)
	}
}

func TestSetAllIsSetOfEach(t *testing.T) {
	a, b := testPublisher(t, 5000), testPublisher(t, 5000)
	rng := rand.New(rand.NewPCG(6, 6))
	now := time.Unix(18642*86400, 0)
	for range 20 {
		changes := map[uint32]Status{}
		for range rng.IntN(300) {
			s := Status{Class: Class(rng.IntN(3)), StopUntil: Day(rng.IntN(2) * (18650 + rng.IntN(4)))}
			changes[rng.Uint32N(5000)] = s
		}
		for i, s := range changes {
			a.Set(i, s)
		}
		err := b.SetAll(func(yield func(uint32, Status) bool) {
			for i, s := range changes {
				if !yield(i, s) {
					return
				}
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		now = now.Add(time.Minute)
		if _, _, err := a.Publish(now); err != nil {
			t.Fatal(err)
		}
		h, _, err := b.Publish(now)
		if err != nil {
			t.Fatal(err)
		}
		for i := range uint32(5000) {
			if got, want := b.list.Status(i), a.list.Status(i); got != want {
				t.Fatalf("card %d: got %v, want %v", i, got, want)
			}
		}
		if _, _, err := follow(b, &h, nil, 0); err != nil {
			t.Fatal(err)
		}
	}
}

func TestQuietListIsOnlySignedAgain(t *testing.T) {
	p := testPublisher(t, 100)
	now := time.Unix(18642*86400, 0)
	first, wrote, err := p.Publish(now)
	if err != nil || !wrote {
		t.Fatal(wrote, err)
	}
	if _, wrote, err = p.Publish(now.Add(30 * time.Second)); err != nil || wrote {
		t.Errorf("half a minute on: wrote %v, %v, want nothing written", wrote, err)
	}
	p.Set(3, Status{}) // what it is already
	again, wrote, err := p.Publish(now.Add(2 * time.Minute))
	if err != nil || !wrote {
		t.Errorf("two minutes on: wrote %v, %v, want a head", wrote, err)
	}
	if again.Sequence != first.Sequence || !again.Issued.After(first.Issued) {
		t.Errorf("got sequence %d of %v, want %d signed again", again.Sequence, again.Issued, first.Sequence)
	}
}

func TestOldFilesGo(t *testing.T) {
	p := testPublisher(t, 20_000)
	now := time.Unix(18642*86400, 0)
	for v := range uint32(300) {
		for i := range uint32(40) {
			p.Set(v*40+i, Status{Class: 1})
		}
		now = now.Add(time.Minute)
		if _, _, err := p.Publish(now); err != nil {
			t.Fatal(err)
		}
	}
	files, err := os.ReadDir(p.dir)
	if err != nil {
		t.Fatal(err)
	}
	// An hour's worth of versions, each of a few files.
	if len(files) > 60*(maxLevels+2) {
		t.Errorf("files: got %d after 300 versions", len(files))
	}
	h, _ := p.Head()
	for _, d := range h.Deltas {
		if _, err := p.read(d.Name()); err != nil {
			t.Errorf("a file the head names is gone: %v", err)
		}
	}
}

func TestRangesMayOnlyGrow(t *testing.T) {
	p := testPublisher(t, 100)
	if _, _, err := p.Publish(time.Unix(18642*86400, 0)); err != nil {
		t.Fatal(err)
	}
	other, err := NewRanges([]Scheme{{ID: 1, Digits: 12}}, Range{1, 50, 149}, Range{1, 200, 300})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.SetRanges(other); err == nil {
		t.Error("ranges that move cards were taken")
	}
	cfg := p.cfg
	cfg.Ranges = other
	if _, err := OpenPublisher(cfg); err == nil {
		t.Error("a publisher opened with ranges that move cards")
	}
}

// TestCardsIssuedOneByOne: bank cards have no ranges, so each pairing adds a
// tag. The chain of ranges files stays short, and what a gate that follows
// every version fetches is a small multiple of the tags there are.
func TestCardsIssuedOneByOne(t *testing.T) {
	r, err := NewRanges([]Scheme{{ID: 1, Digits: 12}, {ID: 2, Name: "bank cards", Digits: 16, Check: CheckLuhn, Tagged: true}}, Range{1, 0, 99})
	if err != nil {
		t.Fatal(err)
	}
	p := testPublisher(t, 100)
	if err := p.SetRanges(r); err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(9, 9))
	now := time.Unix(18642*86400, 0)
	var tags []uint64
	has := map[string]bool{}
	fetched := 0
	for range 150 {
		for range 1 + rng.IntN(2) { // some are staged twice before they are published
			tags = append(tags, rng.Uint64())
			next, err := p.Ranges().AppendTags(2, tags[len(tags)-1:])
			if err != nil {
				t.Fatal(err)
			}
			if err := p.SetRanges(next); err != nil {
				t.Fatal(err)
			}
			i, ok := p.Index(Number{2, tags[len(tags)-1]})
			if !ok || i != uint32(99+len(tags)) {
				t.Fatalf("tag %d: got index %d, %v, want %d", len(tags), i, ok, 99+len(tags))
			}
			p.Set(i, Status{Class: 1})
		}
		now = now.Add(time.Second)
		h, _, err := p.Publish(now)
		if err != nil {
			t.Fatal(err)
		}
		read := func(name string) ([]byte, error) {
			file, err := p.read(name)
			if !has[name] {
				has[name] = true
				fetched += len(file)
			}
			return file, err
		}
		got, err := h.LoadRanges(read)
		if err != nil {
			t.Fatal(err)
		}
		for i, tag := range tags {
			if at, ok := got.Index(Number{2, tag}); !ok || at != uint32(100+i) {
				t.Fatalf("tag %d: got index %d, %v, want %d", i, at, ok, 100+i)
			}
		}
		if n := len(got.Files()); n > 12 {
			t.Fatalf("files of %d tags: got %d, want at most 12", len(tags), n)
		}
	}
	if most := len(tags) * 8 * 20; fetched > most {
		t.Errorf("fetched by a gate that follows: got %d bytes, want at most %d", fetched, most)
	}
	t.Logf("%d tags, %d bytes fetched in %d versions", len(tags), fetched, 150)
}

// TestManyRestarts: a publisher started again and again names no more deltas
// than a head may, and the way from its full list stays.
func TestManyRestarts(t *testing.T) {
	p := testPublisher(t, 300_000)
	rng := rand.New(rand.NewPCG(3, 3))
	err := p.SetAll(func(yield func(uint32, Status) bool) {
		for i := range uint32(300_000) {
			if !yield(i, Status{Class: Class(rng.IntN(4))}) {
				return
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(18642*86400, 0)
	var first *List
	var firstSeq uint64
	for range 40 {
		for range 9 {
			p.Set(rng.Uint32N(300_000), Status{Class: Class(rng.IntN(4))})
			now = now.Add(time.Minute)
			h, _, err := p.Publish(now)
			if err != nil {
				t.Fatal(err)
			}
			if len(h.Deltas) > maxLevels+maxCarried {
				t.Fatalf("deltas: got %d, want at most %d", len(h.Deltas), maxLevels+maxCarried)
			}
			if first == nil {
				first, firstSeq = p.list.clone(p.list.Len(), 0), h.Sequence
			}
		}
		h, _ := p.Head()
		if _, files, err := follow(p, &h, nil, 0); err != nil || files > maxWay {
			t.Fatalf("from the full list: %d files, %v", files, err)
		}
		if _, _, err := follow(p, &h, first.clone(first.Len(), 0), firstSeq); err != nil {
			t.Fatalf("from the first version: %v", err)
		}
		if p, err = OpenPublisher(p.cfg); err != nil {
			t.Fatal(err)
		}
	}
}
