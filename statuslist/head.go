package statuslist

import (
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"time"
)

// Head is the one file that changes: what the list is now, and until when
// that may be believed. Everything it speaks of is named by it.
type Head struct {
	City string
	// Sequence only rises, and never by less than one. A Publisher counts
	// from the seconds of its clock, so that one restored from an old copy
	// does not say a number twice.
	Sequence uint64
	// Issued and NotAfter bound the time in which the head is fresh. Past
	// NotAfter the stale column of the rules applies. Whole seconds.
	Issued, NotAfter time.Time
	// Root is the version of the root that names the signing key.
	Root uint32
	// Cards is the length of the array; Ranges, Array and Rules are digests of
	// the ranges file, of the array with its state table, of the rules files.
	Cards  uint32
	Ranges Digest
	Array  Digest
	Rules  []Digest
	// Functions is the digest of the file that names the functions of cards
	// without ranges; zero where there are none.
	Functions Digest
	// Full is the latest full list, Deltas the ways on from it.
	Full   FullRef
	Deltas []DeltaRef
	// Key signed this.
	Key KeyID
}

// FullRef names a full list: the sequence it stands for, its size in bytes.
type FullRef struct {
	Sequence uint64
	Size     uint32
	Short    [8]byte
}

// DeltaRef names a delta. It fits any array from sequence From up to To and
// makes it the array of To.
type DeltaRef struct {
	From, To uint64
	Size     uint32
	Short    [8]byte
}

const (
	maxHeadFile   = 16 << 10
	maxHeadRules  = 32
	maxHeadDeltas = 64
)

// Names of the files under <base>/<city>/.
const HeadName = "head"

// RootName names the file of a root version.
func RootName(version uint32) string { return fmt.Sprintf("root-%d", version) }

// RangesName names a ranges file.
func RangesName(d Digest) string { return "ranges-" + d.Short() }

// RulesName names a rules file.
func RulesName(d Digest) string { return "rules-" + d.Short() }

// Name is the file's name.
func (f FullRef) Name() string { return fmt.Sprintf("full-%d-%x", f.Sequence, f.Short[:]) }

// Name is the file's name.
func (d DeltaRef) Name() string { return fmt.Sprintf("delta-%d-%d-%x", d.From, d.To, d.Short[:]) }

// IsNamed says whether a file is the one its name speaks of: the name of
// every file but the head and the roots ends in the short digest.
func IsNamed(name string, file []byte) bool {
	short := Sum(file).Short()
	return len(name) > len(short) && name[len(name)-len(short)-1] == '-' && name[len(name)-len(short):] == short
}

func (h *Head) body() []byte {
	b := appendMagic(nil, magicHead)
	if h.Functions != (Digest{}) {
		b[magicSize] = headWithFunctions
	}
	b = appendString(b, h.City)
	b = binary.AppendUvarint(b, h.Sequence)
	b = binary.AppendVarint(b, h.Issued.Unix())
	b = binary.AppendVarint(b, h.NotAfter.Unix())
	b = binary.AppendUvarint(b, uint64(h.Root))
	b = binary.AppendUvarint(b, uint64(h.Cards))
	b = append(append(b, h.Ranges[:]...), h.Array[:]...)
	b = append(b, byte(len(h.Rules)))
	for _, d := range h.Rules {
		b = append(b, d[:]...)
	}
	b = binary.AppendUvarint(b, h.Full.Sequence)
	b = binary.AppendUvarint(b, uint64(h.Full.Size))
	b = append(b, h.Full.Short[:]...)
	b = append(b, byte(len(h.Deltas)))
	for _, d := range h.Deltas {
		b = binary.AppendUvarint(b, d.From)
		b = binary.AppendUvarint(b, d.To)
		b = binary.AppendUvarint(b, uint64(d.Size))
		b = append(b, d.Short[:]...)
	}
	if h.Functions != (Digest{}) {
		b = append(b, h.Functions[:]...)
	}
	return append(b, h.Key[:]...)
}

// headWithFunctions is the version of a head that names functions: a reader
// that does not know them must not go on as if there were none.
const headWithFunctions = 2

// Sign gives the head's file.
func (h *Head) Sign(key ed25519.PrivateKey) []byte {
	h.Key = KeyIDOf(key.Public().(ed25519.PublicKey))
	body := h.body()
	return append(body, ed25519.Sign(key, body)...)
}

// ParseHead reads a head's file without believing it.
func ParseHead(file []byte) (*Head, error) {
	if len(file) > maxHeadFile {
		return nil, fmt.Errorf("%w: head of %d bytes", ErrMalformed, len(file))
	}
	version := byte(formatVersion)
	if len(file) > magicSize && file[magicSize] == headWithFunctions {
		version = headWithFunctions
	}
	r := newReaderOf(file, magicHead, version)
	h := &Head{City: r.string(maxCity), Sequence: r.uvarint(math.MaxUint64)}
	if h.Sequence == 0 {
		r.fail("a head before the first")
	}
	h.Issued, h.NotAfter = r.time(), r.time()
	h.Root, h.Cards = uint32(r.uvarint(math.MaxUint32)), uint32(r.uvarint(math.MaxUint32))
	h.Ranges, h.Array = r.digest(), r.digest()
	for n := r.uvarint(maxHeadRules); n > 0 && r.err == nil; n-- {
		h.Rules = append(h.Rules, r.digest())
	}
	h.Full.Sequence, h.Full.Size = r.uvarint(h.Sequence), uint32(r.uvarint(math.MaxUint32))
	copy(h.Full.Short[:], r.take(8))
	for n := r.uvarint(maxHeadDeltas); n > 0 && r.err == nil; n-- {
		d := DeltaRef{From: r.uvarint(h.Sequence), To: r.uvarint(h.Sequence), Size: uint32(r.uvarint(math.MaxUint32))}
		copy(d.Short[:], r.take(8))
		if d.From >= d.To {
			r.fail("a delta that goes nowhere")
		}
		h.Deltas = append(h.Deltas, d)
	}
	if version == headWithFunctions {
		if h.Functions = r.digest(); h.Functions == (Digest{}) {
			r.fail("a head of functions that names none")
		}
	}
	copy(h.Key[:], r.take(len(h.Key)))
	r.take(ed25519.SignatureSize)
	return h, r.end()
}

// VerifyHead reads a head and checks that a list key of this root signed it
// for this root's city, in that key's time.
func (r *Root) VerifyHead(file []byte) (*Head, error) {
	h, err := ParseHead(file)
	if err != nil {
		return nil, err
	}
	if h.City != r.City {
		return nil, fmt.Errorf("%w: head of another city", ErrSignature)
	}
	key, ok := r.listKey(h.Key, h.Issued)
	if !ok {
		return nil, fmt.Errorf("%w: list key %s is not named by root %d for that time", ErrSignature, h.Key, r.Version)
	}
	n := len(file) - ed25519.SignatureSize
	if !ed25519.Verify(key, file[:n], file[n:]) {
		return nil, fmt.Errorf("%w: head %d", ErrSignature, h.Sequence)
	}
	return h, nil
}

// Limit is the most bytes a file of that name can have if it is one the head
// leads to: what a reader needs to take in, at most, from a server it does
// not trust.
func (h *Head) Limit(name string) int64 {
	if name == h.Full.Name() {
		return int64(h.Full.Size)
	}
	for _, d := range h.Deltas {
		if name == d.Name() {
			return int64(d.Size)
		}
	}
	if strings.HasPrefix(name, "ranges-") {
		// A card takes at most a run of its own.
		const runBytes, schemesBytes = 1 + 2*binary.MaxVarintLen64, 64 << 10
		return schemesBytes + runBytes*int64(h.Cards)
	}
	return maxRulesFile
}

// Later says whether h is news to someone who holds old: a higher sequence,
// or the same one signed again at a later time.
func (h *Head) Later(old *Head) bool {
	return old == nil || h.Sequence > old.Sequence || h.Sequence == old.Sequence && h.Issued.After(old.Issued)
}

// Plan gives the files that lead from an array of sequence have (0: none) to
// the head's by the fewest bytes. full is nil if no full list is needed.
func (h *Head) Plan(have uint64) (full *FullRef, deltas []DeltaRef, err error) {
	if have == h.Sequence {
		return nil, nil, nil
	}
	const far = math.MaxUint64
	deltaOnly, viaDelta := h.path(have)
	if have == 0 || have > h.Sequence {
		deltaOnly = far
	}
	fullCost, viaFull := h.path(h.Full.Sequence)
	if fullCost != far && h.Full.Sequence != 0 {
		fullCost += uint64(h.Full.Size)
	}
	switch {
	case deltaOnly == far && fullCost == far:
		return nil, nil, fmt.Errorf("%w: head %d names no way from %d", ErrMalformed, h.Sequence, have)
	case deltaOnly <= fullCost:
		return nil, viaDelta, nil
	}
	return &h.Full, viaFull, nil
}

// path is the cheapest chain of deltas from a sequence to the head's. A delta
// takes any sequence in [From, To), so the arrays met on the way are the
// start and the deltas' ends: few enough to try each until nothing improves.
func (h *Head) path(from uint64) (cost uint64, deltas []DeltaRef) {
	const far = math.MaxUint64
	if from == h.Sequence {
		return 0, nil
	}
	best := map[uint64]uint64{from: 0}
	by := map[uint64]int{}
	prev := map[uint64]uint64{}
	for better := true; better; {
		better = false
		for i, d := range h.Deltas {
			for at, c := range best {
				if at < d.From || at >= d.To {
					continue
				}
				if old, seen := best[d.To]; !seen || c+uint64(d.Size) < old {
					best[d.To], by[d.To], prev[d.To], better = c+uint64(d.Size), i, at, true
				}
			}
		}
	}
	cost, ok := best[h.Sequence]
	if !ok {
		return far, nil
	}
	for at := h.Sequence; at != from; at = prev[at] {
		deltas = append([]DeltaRef{h.Deltas[by[at]]}, deltas...)
	}
	return cost, deltas
}
