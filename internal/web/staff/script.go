package staff

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"net/http"
)

//go:embed passkey.js
var script string

// scriptPath is where the passkeys' script is served, addressed by its content.
func scriptPath() string {
	sum := sha256.Sum256([]byte(script))
	return "/staff/passkey-" + hex.EncodeToString(sum[:8]) + ".js"
}

func serveScript(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "text/javascript; charset=utf-8")
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write([]byte(script)) // the reader has gone; there is nobody to tell
}
