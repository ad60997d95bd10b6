package httpx

import (
	"compress/gzip"
	"net/http"
	"strings"
	"sync"
)

// worthZipping is the size below which an answer goes plain: it fits a packet.
const worthZipping = 900

// zips lends writers at the fastest level: pages shrink to a fourth, and the
// better levels cost three times the time for a tenth less.
var zips = sync.Pool{New: func() any {
	z, err := gzip.NewWriterLevel(nil, gzip.BestSpeed)
	if err != nil {
		panic(err) // the level is a constant
	}
	return z
}}

// zipper is a ResponseWriter that zips an answer when its first write is worth
// it. Handlers here write a page in one piece.
type zipper struct {
	http.ResponseWriter
	status int
	begun  bool
	z      *gzip.Writer
}

// zipped wraps w where the reader accepts gzip. done must be called last.
func zipped(w http.ResponseWriter, r *http.Request) (http.ResponseWriter, func()) {
	if r.Method == http.MethodHead || !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		return w, func() {}
	}
	z := &zipper{ResponseWriter: w}
	return z, z.close
}

// Unwrap lets http.ResponseController reach the connection.
func (z *zipper) Unwrap() http.ResponseWriter { return z.ResponseWriter }

func (z *zipper) WriteHeader(status int) {
	if z.status == 0 {
		z.status = status
	}
}

func (z *zipper) Write(p []byte) (int, error) {
	if !z.begun {
		z.begun = true
		h := z.Header()
		if len(p) >= worthZipping && h.Get("Content-Encoding") == "" && h.Get("Content-Type") != "" && !strings.HasPrefix(h.Get("Content-Type"), "text/event-stream") {
			h.Set("Content-Encoding", "gzip")
			h.Del("Content-Length")
			z.z = zips.Get().(*gzip.Writer)
			z.z.Reset(z.ResponseWriter)
		}
		z.sendStatus()
	}
	if z.z != nil {
		return z.z.Write(p)
	}
	return z.ResponseWriter.Write(p)
}

func (z *zipper) sendStatus() {
	if z.status != 0 {
		z.ResponseWriter.WriteHeader(z.status)
	}
}

// Flush serves handlers that stream.
func (z *zipper) Flush() {
	if !z.begun {
		z.begun = true
		z.sendStatus()
	}
	if z.z != nil {
		_ = z.z.Flush() // the reader has gone; there is nobody to tell
	}
	_ = http.NewResponseController(z.ResponseWriter).Flush()
}

func (z *zipper) close() {
	if !z.begun {
		z.begun = true
		z.sendStatus()
	}
	if z.z != nil {
		_ = z.z.Close() // as above
		zips.Put(z.z)
		z.z = nil
	}
}
