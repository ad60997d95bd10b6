package statuslist

import (
	"encoding/binary"
	"errors"
	"math/bits"
	"sort"
)

// retrieval gives one bit for each key it was made for, in hardly more than
// one bit a key and without keeping the keys: a bumped ribbon (Dillinger,
// Hübschle-Schneider, Sanders and Walzer, "Fast succinct retrieval and
// approximate membership using ribbon", 2022). A key's bit is the parity of
// some of 128 neighbouring columns of a bit string that solves one linear
// equation a key. A layer is given a few more equations than it can take;
// buckets that grow too full bump their lowest keys into the next layer.
type retrieval struct{ layers []ribbonLayer }

type ribbonLayer struct {
	columns uint32
	starts  uint64
	bumps   []byte // two bits a bucket, low first; empty where nothing is bumped
	bits    []byte // low bit first
}

const (
	ribbonWidth   = 128
	ribbonBucket  = 512
	ribbonFill    = 0.97 // columns for each equation
	maxLayers     = 12
	maxColumns    = 1 << 31
	lastEquations = 512 // so few are solved in one layer, with columns to spare
)

// bumpUpTo is how many starts at the low end of a bucket each code bumps.
var bumpUpTo = [4]uint32{0, 88, 176, ribbonBucket}

// mixBits spreads a number over 64 bits (the finalizer of SplitMix64).
func mixBits(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

const golden = 0x9e3779b97f4a7c15

// place gives where a key's columns begin in a layer of so many starts, and
// which of the 128 count.
func place(key uint64, layer int, starts uint64) (start uint32, low, high uint64) {
	h := mixBits(key + uint64(layer)*golden)
	at, _ := bits.Mul64(h, starts)
	low = (h ^ h>>32) * 0xd6e8feb86659fd93
	low ^= low >> 32
	high = (h ^ h>>29) * 0xa0761d6478bd642f
	high ^= high >> 31
	return uint32(at), low, high
}

func startsOf(columns uint32) uint64 {
	if columns <= ribbonWidth {
		return 1
	}
	return uint64(columns) - ribbonWidth + 1
}

// bumped says whether a key that begins at start is the next layer's.
func (l *ribbonLayer) bumped(start uint32) bool {
	if len(l.bumps) == 0 {
		return false
	}
	bucket := start / ribbonBucket
	return start%ribbonBucket < bumpUpTo[l.bumps[bucket>>2]>>(bucket&3*2)&3]
}

func (l *ribbonLayer) parity(start uint32, low, high uint64) uint64 {
	at, shift := int(start>>3), start&7
	b := l.bits
	var edge [17]byte
	if at+17 > len(b) {
		copy(edge[:], b[at:])
		b, at = edge[:], 0
	}
	b = b[at : at+17]
	x, y := binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])
	low &= x>>shift | y<<(64-shift)
	high &= y>>shift | uint64(b[16])<<(64-shift)
	return uint64(bits.OnesCount64(low^high) & 1)
}

// bit is the key's bit; for a key it was not made for, any.
func (r *retrieval) bit(key uint64) uint64 {
	for i := range r.layers {
		l := &r.layers[i]
		start, low, high := place(key, i, l.starts)
		if !l.bumped(start) {
			return l.parity(start, low, high)
		}
	}
	return 0
}

// equation is a key whose lowest bit is the bit that is to be found for it.
type equation = uint64

// errUnsolved: two equations contradict each other; other keys will not.
var errUnsolved = errors.New("statuslist: equations contradict each other")

// solve makes a retrieval of equations, which it puts into another order.
func solve(eqs []equation) (*retrieval, error) {
	r := new(retrieval)
	for len(eqs) > 0 {
		if len(r.layers) == maxLayers-1 || len(eqs) <= lastEquations {
			last, err := solveLast(eqs, len(r.layers))
			if err != nil {
				return nil, err
			}
			r.layers = append(r.layers, *last)
			break
		}
		// Fewer columns than equations: what does not fit is bumped, and hardly
		// a column stays unused.
		columns := uint64(float64(len(eqs))*ribbonFill) + ribbonWidth
		if columns > maxColumns {
			return nil, errors.New("statuslist: more equations than a layer can hold")
		}
		l := &ribbonLayer{columns: uint32(columns), starts: startsOf(uint32(columns))}
		l.bumps = make([]byte, (l.starts+4*ribbonBucket-1)/(4*ribbonBucket))
		eqs = l.solve(eqs, len(r.layers))
		r.layers = append(r.layers, *l)
	}
	return r, nil
}

// rows is a system in the making: of each column the equation it solves,
// whose first column it is.
type rows struct {
	low, high []uint64
	value     []byte
}

func newRows(columns uint32) *rows {
	return &rows{low: make([]uint64, columns), high: make([]uint64, columns), value: make([]byte, columns)}
}

const (
	rowRedundant  = -1
	rowImpossible = -2
)

// insert adds an equation and gives the column it solves.
func (s *rows) insert(at uint32, low, high uint64, value byte) int {
	for {
		if low == 0 {
			if high == 0 {
				if value == 0 {
					return rowRedundant
				}
				return rowImpossible
			}
			low, high, at = high, 0, at+64
		}
		n := bits.TrailingZeros64(low)
		low = low>>n | high<<(64-n)
		high >>= n
		at += uint32(n)
		if s.low[at] == 0 {
			s.low[at], s.high[at], s.value[at] = low, high, value
			return int(at)
		}
		low ^= s.low[at]
		high ^= s.high[at]
		value ^= s.value[at]
	}
}

// back substitutes from the last column to the first.
func (s *rows) back() []byte {
	columns := len(s.low)
	out := make([]byte, (columns+7)/8)
	var low, high uint64 // the 128 columns after the one in hand
	for i := columns - 1; i >= 0; i-- {
		high = high<<1 | low>>63
		low <<= 1
		if s.low[i] != 0 {
			// The lowest coefficient is the column itself, which is 0 so far.
			v := uint64(bits.OnesCount64(s.low[i]&low^s.high[i]&high)&1) ^ uint64(s.value[i])
			low |= v
			out[i>>3] |= byte(v) << (i & 7)
		}
	}
	return out
}

// solve takes what fits and gives back what was bumped. It goes from bucket to
// bucket, in each from the last start to the first: what is bumped is what was
// put in last, and nothing that stays was reduced by it.
func (l *ribbonLayer) solve(eqs []equation, layer int) (bumped []equation) {
	s := newRows(l.columns)
	ends := l.sort(eqs, layer)
	type entry struct{ offset, column uint32 }
	done := make([]entry, 0, 2*ribbonBucket)
	for bucket, first := 0, 0; bucket < len(ends); bucket++ {
		here := eqs[first:ends[bucket]]
		first = ends[bucket]
		done = done[:0]
		for _, e := range here {
			start, low, high := place(e&^1, layer, l.starts)
			at := s.insert(start, low, high, byte(e&1))
			if at >= 0 {
				done = append(done, entry{start % ribbonBucket, uint32(at)})
				continue
			}
			if at == rowRedundant {
				continue
			}
			code := byte(1)
			for start%ribbonBucket >= bumpUpTo[code] {
				code++
			}
			l.bumps[bucket>>2] |= code << (bucket & 3 * 2)
			for i := len(done) - 1; i >= 0 && done[i].offset < bumpUpTo[code]; i-- {
				s.low[done[i].column] = 0
			}
			// The starts descend: the keys bumped are the last of the bucket.
			from := sort.Search(len(here), func(i int) bool {
				start, _, _ := place(here[i]&^1, layer, l.starts)
				return start%ribbonBucket < bumpUpTo[code]
			})
			bumped = append(bumped, here[from:]...)
			break
		}
	}
	l.bits = s.back()
	return bumped
}

// sort orders equations by bucket, in each from the last start to the first,
// and gives where each bucket ends.
func (l *ribbonLayer) sort(eqs []equation, layer int) (ends []int) {
	ends = make([]int, (l.starts+ribbonBucket-1)/ribbonBucket)
	at := func(e equation) uint32 {
		start, _, _ := place(e&^1, layer, l.starts)
		return start
	}
	for _, e := range eqs {
		ends[at(e)/ribbonBucket]++
	}
	sum := 0
	for i, n := range ends {
		ends[i] = sum
		sum += n
	}
	out := make([]equation, len(eqs))
	for _, e := range eqs {
		b := at(e) / ribbonBucket
		out[ends[b]] = e
		ends[b]++
	}
	first := 0
	for _, end := range ends {
		var count [ribbonBucket + 1]int
		for _, e := range out[first:end] {
			count[ribbonBucket-1-at(e)%ribbonBucket+1]++
		}
		for i := range ribbonBucket {
			count[i+1] += count[i]
		}
		for _, e := range out[first:end] {
			o := ribbonBucket - 1 - at(e)%ribbonBucket
			eqs[first+count[o]] = e
			count[o]++
		}
		first = end
	}
	return ends
}

// solveLast solves all, with as many columns as that takes.
func solveLast(eqs []equation, layer int) (*ribbonLayer, error) {
	for spare := 8 + len(eqs)/32; spare <= 64+4*len(eqs); spare += spare / 2 {
		l := &ribbonLayer{columns: uint32(len(eqs) + spare)}
		l.starts = startsOf(l.columns)
		s := newRows(l.columns)
		whole := true
		for _, e := range eqs {
			start, low, high := place(e&^1, layer, l.starts)
			if l.columns < ribbonWidth {
				low, high = maskColumns(low, high, l.columns)
			}
			if s.insert(start, low, high, byte(e&1)) == rowImpossible {
				whole = false
				break
			}
		}
		if whole {
			l.bits = s.back()
			return l, nil
		}
	}
	return nil, errUnsolved
}

// maskColumns leaves out the columns a short layer does not have.
func maskColumns(low, high uint64, columns uint32) (uint64, uint64) {
	if columns < 64 {
		return low & (1<<columns - 1), 0
	}
	return low, high & (1<<(columns-64) - 1)
}
