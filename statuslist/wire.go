package statuslist

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
)

// Digest is a SHA-256.
type Digest [sha256.Size]byte

// Short is the part of a digest that names a file: the first 8 bytes in hex.
// The whole digest, or the digest of the resulting array, is what proves it.
func (d Digest) Short() string { return hex.EncodeToString(d[:8]) }

func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// Sum is the digest of a file.
func Sum(file []byte) Digest { return sha256.Sum256(file) }

const (
	formatVersion = 1
	magicSize     = 4
)

// Every file opens with four letters and the format's version.
const (
	magicHead   = "TKLH"
	magicRoot   = "TKLK"
	magicRanges = "TKLN"
	magicRules  = "TKLR"
	magicFull   = "TKLF"
	magicDelta  = "TKLD"
)

// Kinds of scheme, as a ranges file spells them.
const (
	kindDecimal = iota
	kindTagged
	kindChips

	kinds
)

func appendMagic(b []byte, magic string) []byte {
	return append(append(b, magic...), formatVersion)
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// reader walks a file. The first thing that does not fit sets err; what is
// read after that is zero, so callers check once, at the end of a group.
type reader struct {
	b   []byte
	err error
}

func newReader(file []byte, magic string) *reader { return newReaderOf(file, magic, formatVersion) }

func newReaderOf(file []byte, magic string, version byte) *reader {
	r := &reader{b: file}
	if len(file) < magicSize+1 || string(file[:magicSize]) != magic {
		r.fail("no " + magic + " file")
		return r
	}
	if v := file[magicSize]; v != version {
		r.err = fmt.Errorf("%w: %s %d", ErrVersion, magic, v)
		return r
	}
	r.b = file[magicSize+1:]
	return r
}

func (r *reader) fail(what string) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s", ErrMalformed, what)
	}
	r.b = nil
}

// uvarint reads a number of at most max. A number longer than it need be is
// refused, so that a file has one spelling.
func (r *reader) uvarint(max uint64) uint64 {
	if r.err != nil {
		return 0
	}
	v, n := binary.Uvarint(r.b)
	if n <= 0 || (n > 1 && r.b[n-1] == 0) {
		r.fail("number cut short or padded")
		return 0
	}
	if v > max {
		r.fail("number out of bounds")
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) byte() byte {
	b := r.take(1)
	if b == nil {
		return 0
	}
	return b[0]
}

// take gives the next n bytes, a view into the file, or nil.
func (r *reader) take(n int) []byte {
	if r.err != nil {
		return nil
	}
	if n < 0 || n > len(r.b) {
		r.fail("file cut short")
		return nil
	}
	b := r.b[:n:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) string(max int) string { return string(r.take(int(r.uvarint(uint64(max))))) }

func (r *reader) digest() (d Digest) {
	copy(d[:], r.take(len(d)))
	return d
}

// end checks that nothing is left over.
func (r *reader) end() error {
	if r.err == nil && len(r.b) != 0 {
		r.fail("bytes left over")
	}
	return r.err
}
