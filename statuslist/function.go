package statuslist

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
)

// Function says what each card of a set may be without keeping the cards: for
// cities that can give the chips' ids but no ranges of them. Its answer for a
// card it was made over is exact. Its answer for any other id means nothing:
// that a card is genuine must come from the card's own cryptography.
//
// The statuses stand in a binary tree, the rarer side of each fork on the
// right. A card walks down: at a fork some filter bits, which hold for every
// card of the rare side and by chance for few others, then one exact bit for
// the cards that passed them. So a card of the common side costs next to
// nothing, and a rare one the logarithm of how rare it is.
//
// A function may also hold what changed since an earlier one: then one of its
// answers is "as before".
type Function struct {
	// From and To are sequences: of the first list it can be laid over (0 for
	// one that needs none), and of the list it makes.
	From, To uint64
	// Cards is how many cards it was made over.
	Cards uint32

	seed   uint64
	forks  []fork
	leaves []leaf
	filter retrieval
	exact  retrieval
}

// fork is where the tree parts. A way on is a fork's number, or minus one
// less a leaf's.
type fork struct {
	common, rare int16
	filterBits   uint8
}

type leaf struct {
	status Status
	before bool // as before
}

const (
	magicFunction = "TKLS"
	maxForks      = 255
	maxFilterBits = 32
)

// Status gives a card's status by its tag; ok is false where the function
// leaves it as it was. It allocates nothing.
func (f *Function) Status(tag uint64) (s Status, ok bool) {
	at := int16(-1)
	if len(f.forks) > 0 {
		at = 0
	}
	tag += f.seed
	for at >= 0 {
		if f.rare(tag, int(at)) {
			at = f.forks[at].rare
		} else {
			at = f.forks[at].common
		}
	}
	l := &f.leaves[-1-at]
	return l.status, !l.before
}

func (f *Function) rare(tag uint64, at int) bool {
	return f.passes(tag, at) && f.exact.bit(exactKey(tag, at)) != 0
}

func (f *Function) passes(tag uint64, at int) bool {
	for b := range int(f.forks[at].filterBits) {
		key := filterKey(tag, at, b)
		if f.filter.bit(key&^1) != key&1 {
			return false
		}
	}
	return true
}

// filterKey is the key of one filter bit at a fork; its lowest bit is what a
// card of the rare side finds there.
func filterKey(seeded uint64, at, b int) uint64 {
	return mixBits(seeded ^ uint64(at<<8|b+1)*golden)
}

func exactKey(seeded uint64, at int) uint64 { return mixBits(seeded^uint64(at<<8)*golden) &^ 1 }

// asBefore is the symbol of a card that a function leaves alone.
const asBefore = 255

// makeFunction makes the function that gives card tags[i] the status
// table[symbols[i]], or leaves it alone. No tag may stand twice.
func makeFunction(from, to uint64, tags []uint64, symbols []byte, table []Status) (*Function, error) {
	if len(tags) == 0 || uint64(len(tags)) > math.MaxUint32 || len(table) > asBefore {
		return nil, fmt.Errorf("%w: a function of %d cards and %d statuses", ErrStates, len(tags), len(table))
	}
	f := &Function{From: from, To: to, Cards: uint32(len(tags))}
	ways := f.grow(symbols, table)
	for try := range uint64(8) {
		f.seed = mixBits(to*golden + try)
		err := f.fill(tags, symbols, &ways)
		if err == nil || !errors.Is(err, errUnsolved) {
			return f, err
		}
	}
	return nil, errUnsolved
}

// step is a fork on the way to a symbol, and which side it takes there.
type step struct {
	fork int
	rare bool
}

// grow builds the tree: the two rarest join, again and again, as Huffman's
// do. It gives the way to each symbol.
func (f *Function) grow(symbols []byte, table []Status) (ways [256][]step) {
	type branch struct {
		n       uint64
		at      int16
		symbols []byte
	}
	var counts [256]uint64
	for _, s := range symbols {
		counts[s]++
	}
	var live []branch
	for s, n := range counts {
		if n == 0 {
			continue
		}
		l := leaf{before: s == asBefore}
		if !l.before {
			l.status = table[s]
		}
		f.leaves = append(f.leaves, l)
		live = append(live, branch{n, int16(-len(f.leaves)), []byte{byte(s)}})
	}
	for len(live) > 1 {
		slices.SortStableFunc(live, func(a, b branch) int { return cmp.Compare(b.n, a.n) })
		rare, common := live[len(live)-1], live[len(live)-2]
		at := len(f.forks)
		f.forks = append(f.forks, fork{common: common.at, rare: rare.at, filterBits: filterBits(rare.n, common.n)})
		for _, s := range rare.symbols {
			ways[s] = append(ways[s], step{at, true})
		}
		for _, s := range common.symbols {
			ways[s] = append(ways[s], step{at, false})
		}
		live = append(live[:len(live)-2], branch{rare.n + common.n, int16(at), append(common.symbols, rare.symbols...)})
	}
	f.turn(&ways)
	return ways
}

// turn numbers the forks from the root down, as the walk meets them.
func (f *Function) turn(ways *[256][]step) {
	last := len(f.forks) - 1
	slices.Reverse(f.forks)
	for i := range f.forks {
		for _, to := range []*int16{&f.forks[i].common, &f.forks[i].rare} {
			if *to >= 0 {
				*to = int16(last) - *to
			}
		}
	}
	for s := range ways {
		for i := range ways[s] {
			ways[s][i].fork = last - ways[s][i].fork
		}
	}
}

// filterBits is how many filter bits make a fork cheapest: each costs a bit a
// rare card, and halves how many of the others need an exact bit.
func filterBits(rare, common uint64) (best uint8) {
	least := math.Inf(1)
	for k := range maxFilterBits {
		if c := float64(rare)*float64(k) + float64(common)*math.Pow(0.5, float64(k)); c < least {
			least, best = c, uint8(k)
		}
	}
	return best
}

// fill solves the filters, then, among the cards that pass them, the rest.
func (f *Function) fill(tags []uint64, symbols []byte, ways *[256][]step) error {
	var eqs []equation
	for i, tag := range tags {
		for _, step := range ways[symbols[i]] {
			if step.rare {
				for b := range int(f.forks[step.fork].filterBits) {
					eqs = append(eqs, filterKey(tag+f.seed, step.fork, b))
				}
			}
		}
	}
	r, err := solve(eqs)
	if err != nil {
		return err
	}
	f.filter = *r
	const chunk = 1 << 16
	parts := make([][]equation, (len(tags)+chunk-1)/chunk)
	parallel(len(parts), func(p int) {
		for i := p * chunk; i < min((p+1)*chunk, len(tags)); i++ {
			tag := tags[i] + f.seed
			for _, step := range ways[symbols[i]] {
				switch {
				case step.rare:
					parts[p] = append(parts[p], exactKey(tag, step.fork)|1)
				case f.passes(tag, step.fork):
					parts[p] = append(parts[p], exactKey(tag, step.fork))
				}
			}
		}
	})
	if r, err = solve(slices.Concat(parts...)); err != nil {
		return err
	}
	f.exact = *r
	return nil
}

// marshal gives the function's file. The bits stand in it as they are read,
// so that a gate asks the file itself.
func (f *Function) marshal() []byte {
	b := appendMagic(nil, magicFunction)
	b = binary.AppendUvarint(b, f.From)
	b = binary.AppendUvarint(b, f.To)
	b = binary.AppendUvarint(b, uint64(f.Cards))
	b = binary.BigEndian.AppendUint64(b, f.seed)
	b = append(b, byte(len(f.leaves)-1))
	for _, l := range f.leaves {
		if l.before {
			b = append(b, asBefore)
			continue
		}
		b = append(b, byte(l.status.Class))
		b = binary.AppendUvarint(b, uint64(l.status.StopUntil))
	}
	for _, k := range f.forks {
		b = append(b, k.filterBits)
		b = binary.BigEndian.AppendUint16(b, uint16(k.common))
		b = binary.BigEndian.AppendUint16(b, uint16(k.rare))
	}
	for _, r := range []*retrieval{&f.filter, &f.exact} {
		b = append(b, byte(len(r.layers)))
		for _, l := range r.layers {
			b = binary.AppendUvarint(b, uint64(l.columns))
			bumps := byte(0)
			if len(l.bumps) > 0 {
				bumps = 1
			}
			b = append(append(append(b, bumps), l.bumps...), l.bits...)
		}
	}
	return b
}

// parseFunction reads a function's file. The function goes on reading the
// file's bytes: they must stay as they are.
func parseFunction(file []byte) (*Function, error) {
	r := newReader(file, magicFunction)
	f := &Function{From: r.uvarint(math.MaxUint64), To: r.uvarint(math.MaxUint64), Cards: uint32(r.uvarint(math.MaxUint32))}
	if f.From >= f.To {
		r.fail("a function that goes nowhere")
	}
	if b := r.take(8); b != nil {
		f.seed = binary.BigEndian.Uint64(b)
	}
	before := 0
	f.leaves = make([]leaf, int(r.byte())+1)
	for i := range f.leaves {
		switch class := r.byte(); {
		case class < Classes:
			f.leaves[i].status = Status{Class: Class(class), StopUntil: Day(r.uvarint(math.MaxInt32))}
		case class == asBefore:
			f.leaves[i].before = true
			before++
		default:
			r.fail("a status of no class")
		}
	}
	if before > 1 || before == 1 && f.From == 0 {
		r.fail("as before what")
	}
	f.forks = make([]fork, len(f.leaves)-1)
	for i := range f.forks {
		f.forks[i] = fork{filterBits: r.byte(), common: r.way(i, len(f.leaves)), rare: r.way(i, len(f.leaves))}
		if f.forks[i].filterBits > maxFilterBits {
			r.fail("too many filter bits")
		}
	}
	f.filter, f.exact = r.retrieval(), r.retrieval()
	if err := r.end(); err != nil {
		return nil, err
	}
	return f, nil
}

// way reads a way on from a fork: to a later fork, so that every walk ends,
// or to a leaf.
func (r *reader) way(fork, leaves int) int16 {
	b := r.take(2)
	if b == nil {
		return -1
	}
	to := int16(binary.BigEndian.Uint16(b))
	if to >= 0 && (int(to) <= fork || int(to) >= leaves-1) || to < 0 && int(-1-to) >= leaves {
		r.fail("a way that leads nowhere")
	}
	return to
}

func (r *reader) retrieval() (out retrieval) {
	n := int(r.byte())
	if n > maxLayers {
		r.fail("too many layers")
		return out
	}
	out.layers = make([]ribbonLayer, n)
	for i := range out.layers {
		l := &out.layers[i]
		l.columns = uint32(r.uvarint(maxColumns))
		if l.columns == 0 {
			r.fail("a layer of no columns")
		}
		l.starts = startsOf(l.columns)
		if r.uvarint(1) == 1 {
			l.bumps = r.take(int((l.starts + 4*ribbonBucket - 1) / (4 * ribbonBucket)))
		}
		l.bits = r.take(int((l.columns-1)/8 + 1))
		if n := l.columns % 8; n > 0 && len(l.bits) > 0 && l.bits[len(l.bits)-1]>>n != 0 {
			r.fail("columns past the last")
		}
	}
	if r.err != nil {
		return retrieval{}
	}
	return out
}
