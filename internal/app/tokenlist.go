package app

import (
	"errors"
	"net/http"
	"path/filepath"
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
	bearer, shown := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	body, err := l.TokenList(origin+r.URL.Path, mediaType, bearer)
	if errors.Is(err, publish.ErrSealedList) {
		w.Header().Set("WWW-Authenticate", "Bearer")
		http.Error(w, http.StatusText(http.StatusUnauthorized), http.StatusUnauthorized)
		return
	}
	if err != nil {
		a.cfg.Log.ErrorContext(r.Context(), "token status list", "err", err)
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", mediaType)
	w.Header().Set("Vary", "Accept, Authorization")
	w.Header().Set("Cache-Control", "public, max-age=300")
	if shown {
		w.Header().Set("Cache-Control", "private, max-age=300")
	}
	_, _ = w.Write(body)
}

// ListSecret is what a city's gates are given to read its list; nil where the
// list is in the open.
func (a *App) ListSecret(cityID string) (*statuslist.Secret, error) {
	return publish.Secret(filepath.Join(a.cfg.Keys, "list"), cityID)
}
