package statuslist

import (
	"encoding/binary"
	"fmt"
	"math"
	"runtime"
)

// Functions is a full function and those laid over it since, the newest last:
// what a gate asks about cards that have no range. It does not change.
type Functions struct {
	refs   []functionRef
	layers []*Function
	// held keeps the files mapped that the layers read.
	held []*Mapped
}

// functionRef names a function's file; its digest proves it.
type functionRef struct {
	from, to uint64
	size     uint32
	digest   Digest
}

func (r functionRef) name() string {
	return fmt.Sprintf("function-%d-%d-%s", r.from, r.to, r.digest.Short())
}

const (
	magicFunctions   = "TKLM"
	maxFunctions     = 64
	maxFunctionsFile = 16 << 10
)

// FunctionsName names the file that names a list's functions.
func FunctionsName(d Digest) string { return "functions-" + d.Short() }

// Status is what the functions say of a card, by its number's value. Of a
// card they were not made over they say anything: that a card is genuine is
// for the card's cryptography to show.
func (c *Functions) Status(tag uint64) Status {
	for i := len(c.layers) - 1; i >= 0; i-- {
		if s, ok := c.layers[i].Status(tag); ok {
			// The layers read mapped files, which the collector does not see.
			runtime.KeepAlive(c)
			return s
		}
	}
	return Status{} // the full function leaves nobody as before
}

// Cards is how many cards the newest function was made over.
func (c *Functions) Cards() uint32 {
	if len(c.layers) == 0 {
		return 0
	}
	return c.layers[len(c.layers)-1].Cards
}

// Files names the file of names and the functions' own.
func (c *Functions) Files() []string {
	if c == nil || len(c.refs) == 0 {
		return nil
	}
	names := []string{FunctionsName(c.Digest())}
	for _, r := range c.refs {
		names = append(names, r.name())
	}
	return names
}

// Digest is that of the file of names.
func (c *Functions) Digest() Digest { return Sum(c.marshal()) }

func (c *Functions) marshal() []byte {
	b := appendMagic(nil, magicFunctions)
	b = append(b, byte(len(c.refs)))
	for _, r := range c.refs {
		b = binary.AppendUvarint(b, r.to)
		b = binary.AppendUvarint(b, uint64(r.size))
		b = append(b, r.digest[:]...)
	}
	return b
}

// parseFunctionRefs reads the file of names: the full function, then what is
// laid over it, each from where the one before ends.
func parseFunctionRefs(file []byte) (refs []functionRef, err error) {
	r := newReader(file, magicFunctions)
	n := int(r.byte())
	if n == 0 || n > maxFunctions {
		r.fail("no functions, or too many")
	}
	last := uint64(0)
	for range n {
		ref := functionRef{from: last, to: r.uvarint(math.MaxUint64), size: uint32(r.uvarint(math.MaxUint32)), digest: r.digest()}
		if ref.to <= last {
			r.fail("a function that goes nowhere")
		}
		if r.err != nil {
			break
		}
		refs, last = append(refs, ref), ref.to
	}
	return refs, r.end()
}

// FunctionSource reads files for Functions: by name, of at most so many
// bytes, unsealed. What it gives must stay as it is; held, if not nil, is
// kept as long as the functions are.
type FunctionSource func(name string, limit int64) (file []byte, held *Mapped, err error)

// LoadFunctions reads the functions a head names, nil if it names none.
// Those that old holds already are not read again.
func (h *Head) LoadFunctions(old *Functions, read FunctionSource, unseal func([]byte) ([]byte, error)) (*Functions, error) {
	if h.Functions == (Digest{}) {
		return nil, nil
	}
	file, _, err := read(FunctionsName(h.Functions), maxFunctionsFile)
	if err != nil {
		return nil, err
	}
	if Sum(file) != h.Functions {
		return nil, fmt.Errorf("%w: %s", ErrDigest, FunctionsName(h.Functions))
	}
	c := new(Functions)
	if c.refs, err = parseFunctionRefs(file); err != nil {
		return nil, err
	}
	for i, ref := range c.refs {
		if old != nil && i < len(old.refs) && old.refs[i] == ref {
			c.layers, c.held = append(c.layers, old.layers[i]), append(c.held, old.held[i])
			continue
		}
		file, held, err := read(ref.name(), int64(ref.size))
		if err != nil {
			return nil, err
		}
		if Sum(file) != ref.digest || len(file) != int(ref.size) {
			return nil, fmt.Errorf("%w: %s", ErrDigest, ref.name())
		}
		if file, err = unseal(file); err != nil {
			return nil, err
		}
		f, err := parseFunction(file)
		if err != nil {
			return nil, err
		}
		if f.From != ref.from || f.To != ref.to {
			return nil, fmt.Errorf("%w: %s is from %d to %d", ErrMalformed, ref.name(), f.From, f.To)
		}
		c.layers, c.held = append(c.layers, f), append(c.held, held)
	}
	return c, nil
}
