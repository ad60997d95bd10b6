package keys

import (
	"context"
	"net/http"
	"time"

	"turnike/internal/access"
	"turnike/internal/booking"
	"turnike/internal/hook"
	"turnike/internal/web/httpx"
)

// hooksView is the endpoints of a tenant and the form for another.
type hooksView struct {
	view
	Endpoints []hook.Endpoint
	Name, URL string
	Kinds     []string
}

func (s *Server) hooks(w http.ResponseWriter, r *http.Request, se access.Session, p place) error {
	return s.showHooks(w, r, hooksView{view: s.view(r, se, p, "hooks.title", "hook")})
}

func (s *Server) showHooks(w http.ResponseWriter, r *http.Request, v hooksView) error {
	var err error
	if v.Endpoints, err = s.cfg.Hooks.Endpoints(r.Context(), v.City); err != nil {
		return err
	}
	return s.cfg.Staff.Site().Render(w, r, v.status(), hooksPage(v))
}

func (s *Server) addHook(w http.ResponseWriter, r *http.Request, se access.Session, p place) error {
	f, r, err := s.cfg.Staff.Site().Form(w, r)
	if err != nil {
		return err
	}
	v := hooksView{view: s.view(r, se, p, "hooks.title", "hook"), Name: f.Get("name"), URL: f.Get("url"), Kinds: f.All("kinds")}
	if f.Switch {
		return s.showHooks(w, r, v)
	}
	e, secret, err := s.cfg.Hooks.AddEndpoint(r.Context(), hook.Endpoint{City: p.city, Name: v.Name, URL: v.URL, Kinds: v.Kinds}, se.Actor())
	if err != nil {
		if err := v.fail(err); err != nil {
			return err
		}
		return s.showHooks(w, r, v)
	}
	return s.showHook(w, r, se, p, hookView{Endpoint: e, Secret: secret})
}

// hookView is one endpoint with its log.
type hookView struct {
	view
	Endpoint hook.Endpoint
	Secret   string // just made
	Log      []hook.Delivery
	Before   string // the log goes on behind this event
	Since    string
	Sent     int // one more than a replay sent, 0 for none
}

// logPage is how many deliveries a page of the log shows.
const logPage = 50

func (s *Server) hook(w http.ResponseWriter, r *http.Request, se access.Session, p place) error {
	e, err := s.cfg.Hooks.Endpoint(r.Context(), p.city, r.PathValue("id"))
	if err != nil {
		return err
	}
	return s.showHook(w, r, se, p, hookView{Endpoint: e})
}

func (s *Server) showHook(w http.ResponseWriter, r *http.Request, se access.Session, p place, v hookView) error {
	faults := v.Faults
	v.view = s.view(r, se, p, "hooks.one", "")
	v.Back, v.Faults, v.Failed = "/staff/"+p.city+"/hooks", faults, len(faults) > 0
	var err error
	if v.Log, err = s.cfg.Hooks.Log(r.Context(), p.city, v.Endpoint.ID, r.URL.Query().Get("before"), logPage); err != nil {
		return err
	}
	if len(v.Log) == logPage {
		v.Before = v.Log[logPage-1].Event
	}
	if v.Since == "" {
		v.Since = booking.DayOf(s.cfg.Now(), v.Zone).String()
	}
	return s.cfg.Staff.Site().Render(w, r, v.status(), hookPage(v))
}

// deed is a post that does one thing to an endpoint and leads back to it; a
// fault of it is shown there.
func (s *Server) deed(do func(ctx context.Context, se access.Session, city, id string) error) handler {
	return func(w http.ResponseWriter, r *http.Request, se access.Session, p place) error {
		id := r.PathValue("id")
		if err := do(r.Context(), se, p.city, id); err != nil {
			return s.withFault(w, r, se, p, hookView{}, err)
		}
		return httpx.See(w, r, "/staff/"+p.city+"/hooks/"+id)
	}
}

func (s *Server) withFault(w http.ResponseWriter, r *http.Request, se access.Session, p place, v hookView, err error) error {
	if err := v.fail(err); err != nil {
		return err
	}
	if v.Endpoint, err = s.cfg.Hooks.Endpoint(r.Context(), p.city, r.PathValue("id")); err != nil {
		return err
	}
	return s.showHook(w, r, se, p, v)
}

// replay sends one event again, or everything since a day.
func (s *Server) replay(w http.ResponseWriter, r *http.Request, se access.Session, p place) error {
	f, r, err := s.cfg.Staff.Site().Form(w, r)
	if err != nil {
		return err
	}
	id, v := r.PathValue("id"), hookView{Since: f.Get("since")}
	if event := f.Get("event"); event != "" {
		if err := s.cfg.Hooks.Replay(r.Context(), p.city, id, event, se.Actor()); err != nil {
			return s.withFault(w, r, se, p, v, err)
		}
		return httpx.See(w, r, "/staff/"+p.city+"/hooks/"+id)
	}
	day, err := booking.ParseDay(v.Since)
	if err != nil {
		return s.withFault(w, r, se, p, v, booking.ErrDay.On("since"))
	}
	since := day.Midnight(p.visits.Network().Location())
	if oldest := s.cfg.Now().Add(-hook.Kept); since.Before(oldest) {
		since = oldest.Truncate(time.Second)
	}
	n, err := s.cfg.Hooks.ReplaySince(r.Context(), p.city, id, since, se.Actor())
	if err != nil {
		return s.withFault(w, r, se, p, v, err)
	}
	if v.Endpoint, err = s.cfg.Hooks.Endpoint(r.Context(), p.city, id); err != nil {
		return err
	}
	v.Sent = n + 1
	return s.showHook(w, r, se, p, v)
}

func (s *Server) rotate(w http.ResponseWriter, r *http.Request, se access.Session, p place) error {
	id := r.PathValue("id")
	secret, err := s.cfg.Hooks.Rotate(r.Context(), p.city, id, se.Actor())
	if err != nil {
		return s.withFault(w, r, se, p, hookView{}, err)
	}
	e, err := s.cfg.Hooks.Endpoint(r.Context(), p.city, id)
	if err != nil {
		return err
	}
	return s.showHook(w, r, se, p, hookView{Endpoint: e, Secret: secret})
}

func (s *Server) remove(w http.ResponseWriter, r *http.Request, se access.Session, p place) error {
	if err := s.cfg.Hooks.Remove(r.Context(), p.city, r.PathValue("id"), se.Actor()); err != nil {
		return err
	}
	return httpx.See(w, r, "/staff/"+p.city+"/hooks")
}
