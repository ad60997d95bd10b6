package statuslist

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// The entropy coder is a range variant of asymmetric numeral systems: one
// 64-bit number holds the message, and taking a symbol of probability
// freq/2^scaleBits out of it makes it smaller by just that factor. It codes
// within a thousandth of the entropy, decodes with one multiplication a card
// and needs no state but the number. The encoder works backwards so that the
// decoder can go forwards.
const (
	scaleBits = 24
	scale     = 1 << scaleBits
	// coderLow is the least value of the number between symbols; below it the
	// decoder takes in 32 more bits.
	coderLow = 1 << 31
	// startBytes hold the number at the start of a stream.
	startBytes = 8
)

// model is a fixed distribution over states. symbols[0] is the commonest and
// has what the others leave of the scale.
type model struct {
	symbols []symbol
	place   [256]int16 // where a state stands in symbols, -1 for nowhere
}

type symbol struct {
	state       byte
	freq, start uint32
}

// newModel fits a model to counts, of which at least one is not zero.
func newModel(counts *[256]uint32) *model {
	m := new(model)
	var total uint64
	for s, n := range counts {
		if n > 0 {
			m.symbols = append(m.symbols, symbol{state: byte(s), freq: n})
			total += uint64(n)
		}
	}
	slices.SortStableFunc(m.symbols, func(a, b symbol) int { return int(int64(b.freq) - int64(a.freq)) })
	for i := range m.symbols {
		f := uint32(uint64(m.symbols[i].freq) * scale / total)
		m.symbols[i].freq = unpackFreq(packFreq(max(f, 1)))
	}
	m.settle()
	return m
}

// settle gives the first symbol what is left and lays out the starts; it
// fails if nothing is left.
func (m *model) settle() bool {
	var rest uint64
	for _, s := range m.symbols[1:] {
		rest += uint64(s.freq)
	}
	if rest >= scale {
		return false
	}
	m.symbols[0].freq = scale - uint32(rest)
	for i := range m.place {
		m.place[i] = -1
	}
	start := uint32(0)
	for i := range m.symbols {
		m.symbols[i].start = start
		start += m.symbols[i].freq
		m.place[m.symbols[i].state] = int16(i)
	}
	return true
}

// packFreq writes a frequency below the scale with 12 digits of precision,
// rounded down: exponent in the upper 4 bits.
func packFreq(f uint32) uint16 {
	e := max(bits.Len32(f)-12, 0)
	return uint16(e)<<12 | uint16(f>>e)
}

func unpackFreq(p uint16) uint32 { return uint32(p&0xfff) << (p >> 12) }

func (m *model) append(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(m.symbols)))
	for i, s := range m.symbols {
		b = append(b, s.state)
		if i > 0 {
			b = binary.BigEndian.AppendUint16(b, packFreq(s.freq))
		}
	}
	return b
}

// model reads a model over states of the table.
func (r *reader) model(t *states) *model {
	m := new(model)
	n := r.uvarint(256)
	if n == 0 {
		r.fail("a model of nothing")
	}
	for i := range n {
		s := symbol{state: r.byte()}
		if i > 0 {
			if raw := r.take(2); raw != nil {
				s.freq = unpackFreq(binary.BigEndian.Uint16(raw))
			}
			if s.freq == 0 {
				r.fail("a state that never comes")
			}
		}
		for _, before := range m.symbols {
			if before.state == s.state {
				r.fail("a state named twice in a model")
			}
		}
		if !t.used[s.state] {
			r.fail("a state that is not in the table")
		}
		m.symbols = append(m.symbols, s)
	}
	if r.err == nil && !m.settle() {
		r.fail("a model of more than everything")
	}
	return m
}

// run is a stretch of cards coded by one model.
type run struct {
	cards uint32
	model *model
}

// encodeStates codes states, of which runs are the stretches.
func encodeStates(states []byte, runs []run) []byte {
	x := uint64(coderLow)
	words := make([]uint32, 0, len(states)/64+16)
	end := len(states)
	for _, r := range slices.Backward(runs) {
		start := end - int(r.cards)
		if m := r.model; len(m.symbols) > 1 {
			for i := end - 1; i >= start; i-- {
				s := &m.symbols[m.place[states[i]]]
				if x >= uint64(s.freq)<<(63-scaleBits) {
					words = append(words, uint32(x))
					x >>= 32
				}
				q := x / uint64(s.freq)
				x = q<<scaleBits + (x - q*uint64(s.freq)) + uint64(s.start)
			}
		}
		end = start
	}
	out := binary.BigEndian.AppendUint64(make([]byte, 0, startBytes+4*len(words)), x)
	for _, w := range slices.Backward(words) {
		out = binary.BigEndian.AppendUint32(out, w)
	}
	return out
}

// decodeStates fills states from a stream. It says whether the stream was
// whole: as long as it should be, and back at the encoder's start.
func decodeStates(states []byte, runs []run, stream []byte) bool {
	if len(stream) < startBytes {
		return false
	}
	x := binary.BigEndian.Uint64(stream)
	stream = stream[startBytes:]
	for _, r := range runs {
		part := states[:r.cards]
		states = states[r.cards:]
		first := r.model.symbols[0]
		others := r.model.symbols[1:]
		if len(others) == 0 {
			fill(part, first.state)
			continue
		}
		commonest, freq := first.state, uint64(first.freq)
		for i := range part {
			slot := x & (scale - 1)
			if slot < freq {
				part[i] = commonest
				x = freq*(x>>scaleBits) + slot
			} else {
				s := find(others, uint32(slot))
				part[i] = s.state
				x = uint64(s.freq)*(x>>scaleBits) + slot - uint64(s.start)
			}
			if x < coderLow {
				if len(stream) < 4 {
					return false
				}
				x = x<<32 | uint64(binary.BigEndian.Uint32(stream))
				stream = stream[4:]
			}
		}
	}
	return x == coderLow && len(stream) == 0
}

// find gives the symbol whose share holds the slot; the first few, which are
// the common ones, in a row, then by halves.
func find(symbols []symbol, slot uint32) *symbol {
	const few = 4
	n := len(symbols)
	for i := 1; i < min(few, n); i++ {
		if slot < symbols[i].start {
			return &symbols[i-1]
		}
	}
	lo, hi := max(min(few, n)-1, 0), n
	for hi-lo > 1 {
		if mid := (lo + hi) / 2; slot < symbols[mid].start {
			hi = mid
		} else {
			lo = mid
		}
	}
	return &symbols[lo]
}

func fill(b []byte, v byte) {
	for i := range b {
		b[i] = v
	}
}
