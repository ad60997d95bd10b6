package statuslist

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"slices"
)

// Range is a run of issued numbers of one scheme, both ends included. A
// card's index is its place in the order ranges were issued, so an index
// never moves.
type Range struct {
	Scheme      uint8
	First, Last uint64
}

// Ranges says which numbers were ever issued and gives each its index, 0 to
// Len()-1. It does not change; Append gives a longer one.
type Ranges struct {
	schemes  []Scheme
	segments []segment
	n        uint32
	// up is the table whose file this one's continues, nil for none; own
	// counts the segments that stand in this one's file, the last of the slice.
	up     *Ranges
	own    int
	digest Digest
	index  [256]*schemeIndex
	chips  [256]bool // schemes that hold chips
}

// segment is a run of indices from base: the numbers first to last, or tags.
type segment struct {
	scheme      uint8
	base        uint32
	first, last uint64
	tags        []uint64 // ascending; nil for a run of decimal numbers
}

func (s *segment) len() uint64 {
	if s.tags != nil {
		return uint64(len(s.tags))
	}
	return s.last - s.first + 1
}

// schemeIndex finds a value among a scheme's runs. The span of its numbers is
// cut in equal cells; a cell names the first run that may hold its values, so
// a search looks at one or two runs where they are spread evenly and halves
// what is left where they are not.
type schemeIndex struct {
	low   uint64
	shift uint
	cells []uint32
	spans []span
	// Of a tagged scheme: all tags ascending, the index of each, and of how
	// many runs they are.
	tags  []uint64
	order []uint32
	runs  int
}

// span is a run of numbers and the index of the first: side by side, so that
// a look-up meets one line of the cache.
type span struct {
	first, last uint64
	base        uint32
}

const (
	maxSchemes  = 255
	maxSegments = 1 << 20
	indexCells  = 2048
)

// NewRanges makes a table of the given schemes and issued ranges, in the
// order of issue.
func NewRanges(schemes []Scheme, issued ...Range) (*Ranges, error) {
	r := &Ranges{schemes: slices.Clone(schemes)}
	if err := r.addRanges(issued); err != nil {
		return nil, err
	}
	return r, r.build()
}

// Append gives a table with further ranges issued. Indices so far stay.
func (r *Ranges) Append(issued ...Range) (*Ranges, error) {
	next := r.child()
	if err := next.addRanges(issued); err != nil {
		return nil, err
	}
	return next.settled()
}

// AppendTags gives a table with further cards of a tagged scheme. The new
// cards' indices follow the order of their tags, whatever order is given.
func (r *Ranges) AppendTags(scheme uint8, tags []uint64) (*Ranges, error) {
	next := r.child()
	tags = slices.Clone(tags)
	slices.Sort(tags)
	if len(tags) > 0 {
		if err := next.add(segment{scheme: scheme, tags: tags}); err != nil {
			return nil, err
		}
	}
	return next.settled()
}

// AppendScheme gives a table that knows one more way of numbering.
func (r *Ranges) AppendScheme(s Scheme) (*Ranges, error) {
	next := r.child()
	next.schemes = append(next.schemes, s)
	return next.settled()
}

func (r *Ranges) child() *Ranges {
	return &Ranges{schemes: slices.Clone(r.schemes), segments: slices.Clone(r.segments), n: r.n, up: r}
}

// settled takes up the files before it that are not much longer than its own,
// so that of cards issued one by one the chain of files stays short and a
// gate fetches each card a few times at most; then it builds the index.
func (r *Ranges) settled() (*Ranges, error) {
	before := r.up
	for r.up != nil && r.up.ownSize() <= 2*r.ownSize() {
		r.own += r.up.own
		r.up = r.up.up
	}
	return r, r.buildOn(before)
}

// ownSize is about the length of the table's file.
func (r *Ranges) ownSize() (size int) {
	const runSize, tagSize = 10, 8
	for _, s := range r.segments[len(r.segments)-r.own:] {
		size += runSize + tagSize*len(s.tags)
	}
	return size
}

// Files names the table's file and those it continues.
func (r *Ranges) Files() (names []string) {
	for ; r != nil; r = r.up {
		names = append(names, RangesName(r.digest))
	}
	return names
}

func (r *Ranges) addRanges(issued []Range) error {
	for _, x := range issued {
		if x.Last < x.First {
			return fmt.Errorf("ranges: a range of scheme %d ends before it begins", x.Scheme)
		}
		if err := r.add(segment{scheme: x.Scheme, first: x.First, last: x.Last}); err != nil {
			return err
		}
	}
	return nil
}

func (r *Ranges) add(s segment) error {
	if s.tags == nil && s.last-s.first >= math.MaxUint32 || s.len() > uint64(math.MaxUint32-r.n) {
		return fmt.Errorf("ranges: more than %d cards", uint32(math.MaxUint32))
	}
	if len(r.segments) == maxSegments {
		return fmt.Errorf("ranges: more than %d runs", maxSegments)
	}
	s.base = r.n
	r.segments = append(r.segments, s)
	r.n += uint32(s.len())
	r.own++
	return nil
}

// build makes the search index and finds what contradicts itself.
func (r *Ranges) build() error { return r.buildOn(r.up) }

// buildOn is build given a table that r extends, nil for none, whose index of
// tags need not be made again.
func (r *Ranges) buildOn(before *Ranges) error {
	if len(r.schemes) > maxSchemes {
		return fmt.Errorf("ranges: more than %d schemes", maxSchemes)
	}
	known := map[uint8]Scheme{}
	for _, s := range r.schemes {
		if _, twice := known[s.ID]; twice {
			return fmt.Errorf("ranges: scheme %d named twice", s.ID)
		}
		if err := s.validate(); err != nil {
			return fmt.Errorf("ranges: %w", err)
		}
		known[s.ID] = s
		r.chips[s.ID] = s.Chips
	}
	byScheme := map[uint8][]*segment{}
	for i := range r.segments {
		s := &r.segments[i]
		scheme, ok := known[s.scheme]
		if !ok || scheme.Chips || scheme.Tagged != (s.tags != nil) {
			return fmt.Errorf("ranges: a run of scheme %d, which is not there or of another kind", s.scheme)
		}
		if s.tags == nil {
			if _, fits := scheme.Format(s.last); !fits {
				return fmt.Errorf("ranges: a run of scheme %d has too many digits", s.scheme)
			}
		}
		byScheme[s.scheme] = append(byScheme[s.scheme], s)
	}
	for id, segments := range byScheme {
		var old *schemeIndex
		if before != nil {
			old = before.index[id]
		}
		x, err := newSchemeIndex(segments, old)
		if err != nil {
			return fmt.Errorf("ranges: scheme %d: %w", id, err)
		}
		r.index[id] = x
	}
	r.digest = Sum(r.Marshal())
	return nil
}

// newSchemeIndex indexes runs of one scheme; old is the index of the first of
// them, or nil.
func newSchemeIndex(segments []*segment, old *schemeIndex) (*schemeIndex, error) {
	x := new(schemeIndex)
	if segments[0].tags != nil {
		if old != nil {
			x.tags, x.order, x.runs = old.tags, old.order, old.runs
		}
		for _, s := range segments[x.runs:] {
			if err := x.merge(s); err != nil {
				return nil, err
			}
		}
		return x, nil
	}
	segments = slices.Clone(segments)
	slices.SortFunc(segments, func(a, b *segment) int {
		if a.first < b.first {
			return -1
		}
		return 1
	})
	for i, s := range segments {
		if i > 0 && s.first <= segments[i-1].last {
			return nil, fmt.Errorf("a number issued twice")
		}
		x.spans = append(x.spans, span{s.first, s.last, s.base})
	}
	x.low = x.spans[0].first
	width := x.spans[len(x.spans)-1].last - x.low
	if w := bits.Len64(width); w > bits.Len(indexCells-1) {
		x.shift = uint(w - bits.Len(indexCells-1))
	}
	x.cells = make([]uint32, width>>x.shift+2)
	run := 0
	for c := range x.cells {
		start := x.low + uint64(c)<<x.shift
		for run < len(x.spans)-1 && x.spans[run].last < start {
			run++
		}
		x.cells[c] = uint32(run)
	}
	return x, nil
}

// Index gives the index of an issued card's number; ok is false if no such
// card was issued.
func (r *Ranges) Index(n Number) (index uint32, ok bool) {
	x := r.index[n.Scheme]
	if x == nil {
		return 0, false
	}
	if x.tags != nil {
		return x.tag(n.Value)
	}
	cell := (n.Value - x.low) >> x.shift
	if n.Value < x.low || cell >= uint64(len(x.cells)-1) {
		return 0, false
	}
	lo, hi := x.cells[cell], x.cells[cell+1]
	for lo < hi {
		if mid := (lo + hi) / 2; x.spans[mid].last < n.Value {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	at := &x.spans[lo]
	if n.Value < at.first || n.Value > at.last {
		return 0, false
	}
	return at.base + uint32(n.Value-at.first), true
}

func (x *schemeIndex) tag(tag uint64) (uint32, bool) {
	if i, found := slices.BinarySearch(x.tags, tag); found {
		return x.order[i], true
	}
	return 0, false
}

// merge takes a run of tags into the index, which may share its memory with
// an older one and is therefore made anew.
func (x *schemeIndex) merge(s *segment) error {
	tags := make([]uint64, 0, len(x.tags)+len(s.tags))
	order := make([]uint32, 0, cap(tags))
	i := 0
	for j, t := range s.tags {
		if j > 0 && t <= s.tags[j-1] {
			return fmt.Errorf("tags out of order")
		}
		at, found := slices.BinarySearch(x.tags[i:], t)
		if found {
			return fmt.Errorf("a tag issued twice")
		}
		tags, order = append(tags, x.tags[i:i+at]...), append(order, x.order[i:i+at]...)
		i += at
		tags, order = append(tags, t), append(order, s.base+uint32(j))
	}
	x.tags, x.order = append(tags, x.tags[i:]...), append(order, x.order[i:]...)
	x.runs++
	return nil
}

// HoldsChips says whether a number is of a scheme that has no index for its
// cards: Functions answer for them.
func (r *Ranges) HoldsChips(n Number) bool { return r.chips[n.Scheme] }

// Number is the reverse of Index.
func (r *Ranges) Number(index uint32) (n Number, ok bool) {
	i, found := slices.BinarySearchFunc(r.segments, index, func(s segment, index uint32) int {
		switch {
		case index < s.base:
			return 1
		case uint64(index) >= uint64(s.base)+s.len():
			return -1
		}
		return 0
	})
	if !found {
		return Number{}, false
	}
	s := &r.segments[i]
	if s.tags != nil {
		return Number{Scheme: s.scheme, Value: s.tags[index-s.base]}, true
	}
	return Number{Scheme: s.scheme, Value: s.first + uint64(index-s.base)}, true
}

// cuts are the indices at which runs begin: cards issued together are alike.
func (r *Ranges) cuts() []uint32 {
	out := make([]uint32, len(r.segments))
	for i := range r.segments {
		out[i] = r.segments[i].base
	}
	return out
}

// Len is how many cards were issued.
func (r *Ranges) Len() uint32 { return r.n }

// Schemes lists the ways of numbering.
func (r *Ranges) Schemes() []Scheme { return slices.Clone(r.schemes) }

// Parse reads a printed number by the first scheme that fits it and issued
// it, else by the first that fits and holds chips, else by the first that
// fits. Blanks and dashes are passed over. It does not allocate.
func (r *Ranges) Parse(printed []byte, tagKey *TagKey) (Number, bool) {
	var digits [maxPayload + 2]byte
	n := 0
	for _, c := range printed {
		if c == ' ' || c == '-' {
			continue
		}
		if n == len(digits) {
			return Number{}, false
		}
		digits[n] = c
		n++
	}
	var first Number
	fits := false
	for i := range r.schemes {
		number, ok := r.schemes[i].Parse(digits[:n], tagKey)
		if !ok {
			continue
		}
		if _, issued := r.Index(number); issued {
			return number, true
		}
		if !fits || r.chips[number.Scheme] && !r.chips[first.Scheme] {
			first, fits = number, true
		}
	}
	return first, fits
}

// extends says whether r holds everything base does, at the same indices.
func (r *Ranges) extends(base *Ranges) bool {
	return len(r.schemes) >= len(base.schemes) && slices.Equal(r.schemes[:len(base.schemes)], base.schemes) &&
		len(r.segments) >= len(base.segments) &&
		slices.EqualFunc(r.segments[:len(base.segments)], base.segments, func(a, b segment) bool {
			return a.scheme == b.scheme && a.first == b.first && a.last == b.last && slices.Equal(a.tags, b.tags)
		})
}

// on gives r's content as a continuation of base's file, base itself if that
// is all there is.
func (r *Ranges) on(base *Ranges) (*Ranges, error) {
	if len(r.segments) == len(base.segments) && len(r.schemes) == len(base.schemes) {
		return base, nil
	}
	next := base.child()
	next.schemes = slices.Clone(r.schemes)
	for _, s := range r.segments[len(base.segments):] {
		if err := next.add(s); err != nil {
			return nil, err
		}
	}
	return next.settled()
}

// Marshal gives the table's file: all schemes, and the runs its parent's file
// does not already hold.
func (r *Ranges) Marshal() []byte {
	b := appendMagic(nil, magicRanges)
	if r.up != nil {
		b = append(append(b, 1), r.up.digest[:]...)
	} else {
		b = append(b, 0)
	}
	b = append(b, byte(len(r.schemes)))
	for _, s := range r.schemes {
		kind := byte(kindDecimal)
		switch {
		case s.Tagged:
			kind = kindTagged
		case s.Chips:
			kind = kindChips
		}
		b = append(b, s.ID, kind, s.Digits, byte(s.Check))
		b = appendString(b, s.Name)
	}
	b = binary.AppendUvarint(b, uint64(r.own))
	for _, s := range r.segments[len(r.segments)-r.own:] {
		b = append(b, s.scheme)
		if s.tags == nil {
			b = binary.AppendUvarint(b, s.first)
			b = binary.AppendUvarint(b, s.last-s.first)
			continue
		}
		b = binary.AppendUvarint(b, uint64(len(s.tags)))
		for _, t := range s.tags {
			b = binary.BigEndian.AppendUint64(b, t)
		}
	}
	return b
}

// Digest is the digest of the table's file.
func (r *Ranges) Digest() Digest { return r.digest }

// RangesParent says which table a file continues, if any.
func RangesParent(file []byte) (parent Digest, ok bool, err error) {
	r := newReader(file, magicRanges)
	if r.uvarint(1) == 1 {
		parent, ok = r.digest(), true
	}
	return parent, ok, r.err
}

// ParseRanges reads a table's file; parent is the table it continues, nil if
// it continues none.
func ParseRanges(file []byte, parent *Ranges) (*Ranges, error) {
	r := newReader(file, magicRanges)
	out := new(Ranges)
	if chained := r.uvarint(1) == 1; chained {
		digest := r.digest()
		if parent == nil || parent.Digest() != digest {
			return nil, fmt.Errorf("%w: ranges continue another table", ErrDigest)
		}
		out = parent.child()
		out.schemes = nil
	} else if parent != nil {
		return nil, fmt.Errorf("%w: ranges continue no table", ErrDigest)
	}
	for n := r.byte(); n > 0 && r.err == nil; n-- {
		s := Scheme{ID: r.byte()}
		kind := r.uvarint(kinds - 1)
		s.Tagged, s.Chips = kind == kindTagged, kind == kindChips
		s.Digits, s.Check = r.byte(), Check(r.byte())
		s.Name = r.string(maxSchemeName)
		out.schemes = append(out.schemes, s)
	}
	tagged := map[uint8]bool{}
	for _, s := range out.schemes {
		tagged[s.ID] = s.Tagged
	}
	for n := r.uvarint(maxSegments); n > 0 && r.err == nil; n-- {
		s := segment{scheme: r.byte()}
		if tagged[s.scheme] {
			raw := r.take(8 * int(r.uvarint(uint64(len(r.b)/8))))
			s.tags = make([]uint64, len(raw)/8)
			for i := range s.tags {
				s.tags[i] = binary.BigEndian.Uint64(raw[8*i:])
			}
		} else {
			s.first = r.uvarint(math.MaxUint64)
			s.last = s.first + r.uvarint(math.MaxUint32)
			if s.last < s.first {
				r.fail("range past the end of numbers")
			}
		}
		if r.err == nil {
			if err := out.add(s); err != nil {
				return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
			}
		}
	}
	if err := r.end(); err != nil {
		return nil, err
	}
	if err := out.build(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return out, nil
}
