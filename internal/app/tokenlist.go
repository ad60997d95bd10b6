package app

import (
	"errors"
	"net/http"
	"strings"

	"turnike/internal/publish"
	"turnike/statuslist"
)

// tokenList serves a city's list as an IETF Token Status List: JWT, or CWT to
// whoever accepts that alone.
func (a *App) tokenList(w http.ResponseWriter, r *http.Request) {
	l, ok := a.lists[r.PathValue("city")]
	if !ok {
		http.NotFound(w, r)
		return
	}
	mediaType := statuslist.TokenListJWT
	if accept := r.Header.Get("Accept"); strings.Contains(accept, statuslist.TokenListCWT) && !strings.Contains(accept, mediaType) {
		mediaType = statuslist.TokenListCWT
	}
	// The address signed into the list is ours to say, not the asker's: it is
	// made once for everybody.
	origin := "http://" + a.cfg.Listen
	if len(a.cfg.Origins) > 0 {
		origin = a.cfg.Origins[0]
	}
	body, err := l.TokenList(origin+r.URL.Path, mediaType)
	if err != nil {
		if !errors.Is(err, publish.ErrSealedList) {
			a.cfg.Log.ErrorContext(r.Context(), "token status list", "err", err)
		}
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", mediaType)
	w.Header().Set("Vary", "Accept")
	w.Header().Set("Cache-Control", "public, max-age=300")
	_, _ = w.Write(body)
}
