package rehearse

import "math/bits"

// permutation shuffles the numbers 0 to n-1 without storing where each went:
// four rounds of a Feistel network over the next even power of two, walked
// until the result falls below n. It knows its way back, so that a card's
// place in the population and its index in the list give each other.
type permutation struct {
	n    uint32
	half uint // bits in each half
	keys [4]uint32
}

// newPermutation makes the permutation of n numbers that seed and salt name.
func newPermutation(n uint32, seed, salt uint64) permutation {
	p := permutation{n: n, half: uint(max(1, (bits.Len32(max(n, 1)-1)+1)/2))}
	for i := range p.keys {
		p.keys[i] = uint32(mix(seed ^ mix(salt+uint64(i))))
	}
	return p
}

// mix is SplitMix64's finisher (Steele, Lea, Flood 2014): every bit in moves
// every bit out.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func round(x, key uint32) uint32 {
	x = (x ^ key) * 0x85ebca6b
	x = (x ^ x>>13) * 0xc2b2ae35
	return x ^ x>>16
}

// at gives where i goes; i must be below n.
func (p *permutation) at(i uint32) uint32 {
	mask := uint32(1)<<p.half - 1
	for {
		l, r := i>>p.half, i&mask
		for _, k := range p.keys {
			l, r = r, l^round(r, k)&mask
		}
		if i = l<<p.half | r; i < p.n {
			return i
		}
	}
}

// back gives what went to i.
func (p *permutation) back(i uint32) uint32 {
	mask := uint32(1)<<p.half - 1
	for {
		l, r := i>>p.half, i&mask
		for k := len(p.keys) - 1; k >= 0; k-- {
			l, r = r^round(l, p.keys[k])&mask, l
		}
		if i = l<<p.half | r; i < p.n {
			return i
		}
	}
}
