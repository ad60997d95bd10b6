package httpx

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"net/http"
	"strings"
	"sync"

	"github.com/a-h/templ"

	"turnike/internal/i18n"
)

// hole is what a page is drawn with where each reader gets a value of their
// own. It is letters only, so that no component escapes it.
const hole = "turnikeholeturnike"

// maxBaked bounds the ovens of one site; when it is reached they start empty.
const maxBaked = 512

// oven keeps pages that are the same for everybody but for one short value, so
// that a rush for the form costs the server a copy and not a drawing: a form
// page drawn and zipped anew is half a millisecond, out of the oven it is a
// hundredth of that.
type oven struct {
	mu    sync.RWMutex
	pages map[any]*baked
}

// baked is a page around its hole: plain, and as the two ends of one deflate
// stream (RFC 1951) that meet at a byte's edge.
type baked struct {
	before, after   []byte
	zBefore, zAfter []byte
	crcBefore       uint32
	holed           bool
}

// RenderBaked is Render for a page that shows nothing of its reader. key names
// the page and everything its drawing depends on but the language; it must be
// comparable. value goes in where draw puts its argument; it must need no
// escaping. A page without such a place ignores it.
func (s *Site) RenderBaked(w http.ResponseWriter, r *http.Request, key any, value string, draw func(value string) templ.Component) error {
	l := i18n.From(r.Context())
	full := struct {
		key  any
		lang i18n.Lang
	}{key, l}
	s.oven.mu.RLock()
	b := s.oven.pages[full]
	s.oven.mu.RUnlock()
	if b == nil {
		var page bytes.Buffer
		if err := draw(hole).Render(r.Context(), &page); err != nil {
			return err
		}
		var err error
		if b, err = bake(page.Bytes()); err != nil {
			return fmt.Errorf("bake page: %w", err)
		}
		s.oven.mu.Lock()
		if len(s.oven.pages) >= maxBaked || s.oven.pages == nil {
			s.oven.pages = map[any]*baked{}
		}
		s.oven.pages[full] = b
		s.oven.mu.Unlock()
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", string(l))
	body := b.plain(value)
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		body = b.gzip(value)
	}
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(body) // the reader has gone; there is nobody to tell
	return nil
}

var errHoles = errors.New("a page may have one place for a value of its own")

func bake(page []byte) (*baked, error) {
	page = bytes.Clone(page)
	b := &baked{}
	b.before, b.after, b.holed = bytes.Cut(page, []byte(hole))
	if bytes.Contains(b.after, []byte(hole)) {
		return nil, errHoles
	}
	b.crcBefore = crc32.ChecksumIEEE(b.before)
	var err error
	if b.zBefore, err = deflate(b.before, false); err != nil {
		return nil, err
	}
	if b.zAfter, err = deflate(b.after, true); err != nil {
		return nil, err
	}
	return b, nil
}

// deflate compresses p as the beginning or the end of a stream; a beginning
// stops at a byte's edge.
func deflate(p []byte, last bool) ([]byte, error) {
	var out bytes.Buffer
	z, err := flate.NewWriter(&out, flate.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := z.Write(p); err != nil {
		return nil, err
	}
	if last {
		err = z.Close()
	} else {
		err = z.Flush()
	}
	return out.Bytes(), err
}

// maxValue is the longest a deflate block may be that is stored as it is.
const maxValue = 1<<16 - 1

func (b *baked) value(value string) string {
	if !b.holed || len(value) > maxValue {
		return ""
	}
	return value
}

func (b *baked) plain(value string) []byte {
	value = b.value(value)
	out := make([]byte, 0, len(b.before)+len(value)+len(b.after))
	out = append(out, b.before...)
	out = append(out, value...)
	return append(out, b.after...)
}

// gzip puts the stream together (RFC 1952): header, the beginning, the value in
// a stored block, the end, and the checksum of it all.
func (b *baked) gzip(value string) []byte {
	value = b.value(value)
	out := make([]byte, 0, 10+len(b.zBefore)+5+len(value)+len(b.zAfter)+8)
	out = append(out, 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 255)
	out = append(out, b.zBefore...)
	out = append(out, 0) // not the last block, stored
	out = binary.LittleEndian.AppendUint16(out, uint16(len(value)))
	out = binary.LittleEndian.AppendUint16(out, ^uint16(len(value)))
	out = append(out, value...)
	out = append(out, b.zAfter...)
	crc := crc32.Update(b.crcBefore, crc32.IEEETable, []byte(value))
	out = binary.LittleEndian.AppendUint32(out, crc32.Update(crc, crc32.IEEETable, b.after))
	return binary.LittleEndian.AppendUint32(out, uint32(len(b.before)+len(value)+len(b.after)))
}
