package manage

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"

	"turnike/internal/booking"
	"turnike/internal/fault"
	"turnike/internal/web/httpx"
)

// errForeign: a form that names a centre other than its page's.
var errForeign = fault.New(fault.NotFound, "page.not_found")

// wire is a change on its way through the reader's browser and back, between
// being shown and being saved. It says nothing the reader may not do: what
// comes back is held to the page's centre again.
type wire struct {
	Ex   []booking.Exception `json:"e,omitempty"`
	Revs []booking.Revision  `json:"r,omitempty"`
	Undo []string            `json:"u,omitempty"`
}

// everywhere tells whether a change is about all centres at once.
func everywhere(c booking.Change) bool {
	return slices.ContainsFunc(c.Exceptions, func(e booking.Exception) bool { return e.Centre == "" })
}

func pack(c booking.Change) (string, error) {
	b, err := json.Marshal(wire{c.Exceptions, c.Revisions, c.Undo})
	return string(b), err
}

func (p place) unpack(r *http.Request, text string) (booking.Change, error) {
	var x wire
	if err := json.Unmarshal([]byte(text), &x); err != nil {
		return booking.Change{}, httpx.ErrBroken
	}
	c := booking.Change{Exceptions: x.Ex, Revisions: x.Revs, Undo: x.Undo}
	return c, p.restrict(r, c)
}

// restrict holds a change to what somebody may change here: this centre, or
// for those who are bound to none, closing all.
func (p place) restrict(r *http.Request, c booking.Change) error {
	all := len(p.staff.Centres) == 0
	for _, e := range c.Exceptions {
		if e.Centre != p.centre.ID && (e.Centre != "" || !all) {
			return errForeign
		}
	}
	for _, v := range c.Revisions {
		if v.Centre != p.centre.ID {
			return errForeign
		}
	}
	if len(c.Undo) == 0 {
		return nil
	}
	ex, revs, err := p.svc.Changed(r.Context(), p.centre.ID, p.today)
	if err != nil {
		return err
	}
	for _, id := range c.Undo {
		mine := slices.ContainsFunc(ex, func(e booking.Exception) bool { return e.ID == id && (e.Centre != "" || all) }) ||
			slices.ContainsFunc(revs, func(v booking.Revision) bool { return v.ID == id })
		if !mine {
			return errForeign
		}
	}
	return nil
}

// check shows what a change does before it is made: the one way to every
// change. faults are of an earlier try to save it.
func (s *Server) check(w http.ResponseWriter, r *http.Request, p place, c booking.Change, faults fault.List) error {
	if err := p.restrict(r, c); err != nil {
		return err
	}
	e, err := p.svc.Preview(r.Context(), c)
	if err != nil {
		return err
	}
	text, err := pack(c)
	if err != nil {
		return err
	}
	v := checkView{page: s.frame(r, p, "manage.check.title"), p: p, change: c, effect: e, text: text, faults: faults}
	v.page.FormID, v.page.Failed = "check", len(faults) > 0
	status := http.StatusOK
	if len(faults) > 0 {
		status = faults[0].Kind.Status()
	}
	return s.site().Render(w, r, status, checkPage(v))
}

// save makes a change that hits nobody, or whose manager will speak with those
// it hits.
func (s *Server) save(w http.ResponseWriter, r *http.Request, p place) error {
	return s.apply(w, r, p, false)
}

// apply makes the change of a posted form, and asks those it hits to move;
// where it may not be made as it was shown, it is shown anew.
func (s *Server) apply(w http.ResponseWriter, r *http.Request, p place, ask bool) error {
	f, r, err := s.site().Form(w, r)
	if err != nil {
		return err
	}
	c, err := p.unpack(r, f.Get("change"))
	if err != nil {
		return err
	}
	if f.Switch {
		return s.check(w, r, p, c, nil)
	}
	if !ask && everywhere(c) {
		return errForeign // closing all centres is for those who have proved themselves again
	}
	e, err := p.svc.Apply(r.Context(), c, f.Get("seen"), p.staff.Actor())
	if errors.Is(err, booking.ErrMeanwhile) {
		return s.check(w, r, p, c, fault.List{booking.ErrMeanwhile})
	}
	if err != nil {
		return err
	}
	if !ask {
		return httpx.See(w, r, p.path+"?done=saved")
	}
	// Only people of this change are asked, whatever the form says.
	hit := e.Hit()
	ids := slices.DeleteFunc(f.All("visit"), func(id string) bool {
		return !slices.ContainsFunc(hit, func(v booking.Visit) bool { return v.ID == id })
	})
	asked, failed, err := p.svc.AskMoves(r.Context(), ids, p.staff.Actor())
	if err != nil {
		return err
	}
	return httpx.See(w, r, p.path+"moves?asked="+strconv.Itoa(len(asked))+"&none="+strconv.Itoa(len(failed)))
}

// saveAndAsk makes a change and asks those it hits to move. It touches many
// people at once, so the second factor is asked for again.
func (s *Server) saveAndAsk(w http.ResponseWriter, r *http.Request, p place) error {
	return s.apply(w, r, p, true)
}

// undo shows what taking a change back does.
func (s *Server) undo(w http.ResponseWriter, r *http.Request, p place) error {
	f, r, err := s.site().Form(w, r)
	if err != nil {
		return err
	}
	return s.check(w, r, p, booking.Change{Undo: f.All("id")}, nil)
}

// moves is who was asked to move, and what they said.
func (s *Server) moves(w http.ResponseWriter, r *http.Request, p place) error {
	list, err := p.svc.Moves(r.Context(), p.centre.ID, p.today-7, 7+p.net.Ahead()+1)
	if err != nil {
		return err
	}
	v := movesView{page: s.frame(r, p, "manage.moves.title"), p: p, list: list}
	v.asked, _ = strconv.Atoi(r.URL.Query().Get("asked"))
	v.none, _ = strconv.Atoi(r.URL.Query().Get("none"))
	return s.site().Render(w, r, http.StatusOK, movesPage(v))
}
