package counter

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"net/http"
	"sync"
)

//go:embed live.js
var liveScript string

// ScriptPath is the address of the script that keeps a screen up to date and
// takes its function keys. Pages that carry data-key buttons use it too.
var ScriptPath = sync.OnceValue(func() string {
	sum := sha256.Sum256([]byte(liveScript))
	return scriptRoot + hex.EncodeToString(sum[:8]) + ".js"
})

const scriptRoot = "/staff/script/live/"

// ScriptPattern is where Script is mounted.
const ScriptPattern = "GET " + scriptRoot + "{name}"

// Script serves it. Its address changes with its content, so it is kept for
// ever.
func Script() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != ScriptPath() {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		_, _ = w.Write([]byte(liveScript)) // the reader has gone; there is nobody to tell
	})
}
