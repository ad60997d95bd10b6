package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"turnike/internal/access"
	"turnike/internal/audit"
	"turnike/internal/hook"
)

// Keys is the part the service of keys plays here.
type Keys interface {
	// Enter is the key a token is, with one request taken off its rate.
	Enter(ctx context.Context, token string) (hook.Key, hook.Pace, error)
}

// keyed is where a request's key waits for its operation.
type keyed struct{}

// enter reads the key of a request, where one was sent. A key opens its own
// tenant's part; in another's it finds nothing, as if nothing were there, also
// what is public: a mistaken configuration shows at once.
func (s *server) enter(h http.Header, r *http.Request) (*http.Request, error) {
	sent := r.Header.Get("Authorization")
	if sent == "" {
		return r, nil
	}
	kind, token, _ := strings.Cut(sent, " ")
	if s.cfg.Keys == nil || !strings.EqualFold(kind, "Bearer") {
		return r, hook.ErrKeyWrong
	}
	k, pace, err := s.cfg.Keys.Enter(r.Context(), strings.TrimSpace(token))
	if pace.Limit > 0 {
		// draft-ietf-httpapi-ratelimit-headers
		h.Set("RateLimit-Policy", fmt.Sprintf(`"key";q=%d;w=60`, pace.Limit))
		h.Set("RateLimit", fmt.Sprintf(`"key";r=%d;t=%d`, pace.Left, int((pace.Reset+time.Second-1)/time.Second)))
	}
	if err != nil {
		return r, err
	}
	parts := strings.Split(strings.TrimPrefix(r.URL.Path, Prefix), "/")
	if len(parts) > 2 && (parts[1] == "networks" || parts[1] == "cities") && parts[2] != k.City && parts[2]+"-desks" != k.City {
		return r, ErrNoPath
	}
	return r.WithContext(context.WithValue(r.Context(), keyed{}, k)), nil
}

// key is the request's key, if it is for an action at a centre of a network.
// A centre that is not the key's is as good as none.
func (s *server) key(ctx context.Context, network string, a access.Action, centre string) (hook.Key, error) {
	k, ok := ctx.Value(keyed{}).(hook.Key)
	switch {
	case !ok:
		return k, hook.ErrKeyNone
	case k.City != network:
		return k, ErrNoPath
	case !k.May(a, ""):
		return k, hook.ErrMayNot
	case centre != "" && !k.Sees(centre):
		return k, errNoCentre
	}
	return k, nil
}

// may tells whether the request came with a key for an action.
func (s *server) may(ctx context.Context, network string, a access.Action) bool {
	_, err := s.key(ctx, network, a, "")
	return err == nil
}

// actor is how the audit names who asks: the key, or a citizen's app.
func actor(ctx context.Context) audit.Actor {
	if k, ok := ctx.Value(keyed{}).(hook.Key); ok {
		return k.Actor()
	}
	return audit.Citizen("api")
}

// challenge tells a caller without a good key how to send one (RFC 9110, 11.6.1).
func challenge(h http.Header, err error) {
	if errors.Is(err, hook.ErrKeyWrong) || errors.Is(err, hook.ErrKeyNone) {
		h.Set("WWW-Authenticate", `Bearer realm="turnike"`)
	}
}

// needsKey marks an operation of staff in the document, with the scope it asks.
func needsKey(op huma.Operation, a access.Action) huma.Operation {
	op.Security = []map[string][]string{{"key": {}}}
	op.Description = strings.TrimSpace(op.Description + "\n\nNeeds a key with the scope `" + string(a) + "`.")
	return op
}
