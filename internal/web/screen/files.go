package screen

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"net/http"
	"path"
	"strings"
	"sync"
)

//go:embed screen.js voice/*.opus
var kept embed.FS

// filesPath is where the pages' script and the spoken words are served, below
// a name that changes with them.
const filesPath = "/screen/files/"

// edition names the files' present state, so that browsers may keep them for
// ever.
var edition = sync.OnceValue(func() string {
	h := sha256.New()
	names, _ := kept.ReadDir("voice") // embedded: it is there
	for _, name := range append([]string{"screen.js"}, func() (all []string) {
		for _, n := range names {
			all = append(all, "voice/"+n.Name())
		}
		return all
	}()...) {
		b, _ := kept.ReadFile(name)
		h.Write(b)
	}
	return hex.EncodeToString(h.Sum(nil)[:6])
})

// script is the address of the pages' script, voice that of the words' folder.
func script() string { return filesPath + edition() + "/screen.js" }
func voice() string  { return filesPath + edition() + "/voice/" }

func files() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, ok := strings.CutPrefix(r.URL.Path, filesPath+edition()+"/")
		b, err := kept.ReadFile(name)
		if !ok || err != nil {
			http.NotFound(w, r)
			return
		}
		mime := "text/javascript; charset=utf-8"
		if path.Ext(name) == ".opus" {
			mime = "audio/ogg"
		}
		h := w.Header()
		h.Set("Content-Type", mime)
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
		_, _ = w.Write(b) // the reader has gone; there is nobody to tell
	})
}
