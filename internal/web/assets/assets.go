// Package assets serves what a page needs besides its HTML: one style sheet,
// immutable and addressed by its content, in the city's own colour, and the
// little script that pages may carry but never need.
//
// The sheets are built from design/ and committed. A citizen's page asks for
// exactly one of them, a staff page for two; the icon is a data URI and the script stands in the page, so that a
// whole pairing stays within six requests.
package assets

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"turnike/internal/i18n"
)

//go:embed ltr.css
var ltr string

//go:embed rtl.css
var rtl string

//go:embed staff-ltr.css
var staffLTR string

//go:embed staff-rtl.css
var staffRTL string

//go:embed page.js
var pageScript string

//go:embed jsqr.js
var qrReader string

// Prefix is the path below which Handler answers.
const Prefix = "/assets/"

// CSSPath is the address of the sheet for a brand colour and a language.
func CSSPath(t Theme, l i18n.Lang) string {
	return Prefix + t.sheet(l).name
}

// StaffCSSPath is the address of the sheet that staff pages and screens wear
// over the other.
func StaffCSSPath(l i18n.Lang) string {
	return Prefix + "staff-" + digest(staffSheet(l)) + ".css"
}

func staffSheet(l i18n.Lang) string {
	if l.Dir() == "rtl" {
		return staffRTL
	}
	return staffLTR
}

// Sheet is that sheet's text, for a page that must stand alone in one file.
func Sheet(t Theme, l i18n.Lang) string { return string(t.sheet(l).plain) }

// Script is the page script, to stand inside one <script> element, and
// ScriptHash what a Content-Security-Policy must name to let it run.
func Script() string { return pageScript }

// ScriptHash is the CSP source of Script: 'sha256-...'.
var ScriptHash = sync.OnceValue(func() string {
	sum := sha256.Sum256([]byte(pageScript))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
})

// QRReaderPath is where the camera reader for browsers without one of their own
// is loaded from, when the scan button is pressed and not before.
var QRReaderPath = sync.OnceValue(func() string {
	return Prefix + digest(qrReader) + ".js"
})

// file is one thing served, ready to be written.
type file struct {
	name, mime  string
	plain, gzip []byte
}

func newFile(text, mime, ext string) *file {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err == nil {
		_, err = z.Write([]byte(text))
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil { // the level is a constant and the buffer cannot fail
		panic(fmt.Errorf("assets: %w", err))
	}
	return &file{name: digest(text) + ext, mime: mime, plain: []byte(text), gzip: b.Bytes()}
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:8])
}

// Handler serves the QR reader and the sheets of the given themes, and of any
// theme a page has asked for since. Anything else under Prefix is 404: nobody
// can make us build a sheet by asking for it. Mount it at Prefix.
func Handler(themes ...Theme) http.Handler {
	files := map[string]*file{}
	add := func(f *file) { files[f.name] = f }
	add(newFile(qrReader, "text/javascript; charset=utf-8", ".js"))
	for _, l := range i18n.Langs() {
		f := newFile(staffSheet(l), "text/css; charset=utf-8", ".css")
		f.name = "staff-" + f.name
		add(f)
	}
	for _, t := range append(themes, Theme{}) {
		for _, l := range i18n.Langs() {
			add(t.sheet(l))
		}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(r.URL.Path, Prefix)
		f, ok := files[name]
		if !ok {
			f, ok = built(name)
		}
		if !ok {
			http.NotFound(w, r)
			return
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
			return
		}
		h := w.Header()
		h.Set("Content-Type", f.mime)
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Vary", "Accept-Encoding")
		body := f.plain
		if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			h.Set("Content-Encoding", "gzip")
			body = f.gzip
		}
		h.Set("Content-Length", strconv.Itoa(len(body)))
		if r.Method == http.MethodGet {
			_, _ = w.Write(body) // the reader has gone; there is nobody to tell
		}
	})
}
