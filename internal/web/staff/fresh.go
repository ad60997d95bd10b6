package staff

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"turnike/internal/access"
	"turnike/internal/fault"
	"turnike/internal/web/httpx"
	"turnike/internal/web/ui"
)

// againView asks for a fresh proof, over the values of the post it keeps.
type againView struct {
	view
	Path    string
	Values  url.Values // of the post that waits; empty for none
	Codes   bool       // there is a password and so codes
	Passkey *passkeyForm
	Outside *Provider
	Upload  bool // a file was sent, which has to be chosen again
}

// fields of the page itself begin with this, apart from those it keeps.
const againField = "_again"

// Fresh is Page for what touches many people at once: it asks for the second
// factor again where the last proof is older than access.StepUp, and then goes
// on with what was posted. A file that was sent has to be chosen again.
func (s *Server) Fresh(a access.Action, h func(http.ResponseWriter, *http.Request, access.Session) error) http.Handler {
	return s.Page(a, func(w http.ResponseWriter, r *http.Request, se access.Session) error {
		if s.cfg.Now().Sub(se.Strong) < access.StepUp {
			if r.Method == http.MethodPost {
				forget(r)
			}
			return h(w, r, se)
		}
		v := againView{Path: r.URL.Path}
		if r.Method != http.MethodPost {
			v.Path, v.Next = "/staff/again", r.URL.RequestURI()
			return s.showAgain(w, r, se, v)
		}
		f, r, err := s.site.Form(w, r)
		if errors.Is(err, httpx.ErrUnsupported) {
			v.Path, v.Next, v.Upload = "/staff/again", backTo(r), true
			return s.showAgain(w, r, se, v)
		}
		if err != nil {
			return err
		}
		asked := f.Get(againField) != ""
		if f.Switch && !asked {
			return h(w, r, se) // only the language of h's own form
		}
		v.Values, v.Next = url.Values{}, backTo(r)
		for name, all := range f.Values() {
			if !strings.HasPrefix(name, "_") {
				v.Values[name] = all
			}
		}
		if !asked || f.Switch {
			return s.showAgain(w, r, se, v)
		}
		if err := s.prove(r, se, f); err != nil {
			if err := v.fail(err); err != nil {
				return err
			}
			return s.showAgain(w, r, se, v)
		}
		se.Strong = s.cfg.Now()
		forget(r)
		return h(w, r, se)
	})
}

// forget takes the fields of the step-up out of a form, before its own handler
// reads it.
func forget(r *http.Request) {
	for name := range r.PostForm {
		if strings.HasPrefix(name, againField) {
			r.PostForm.Del(name)
			r.Form.Del(name)
		}
	}
}

// backTo is the page a file was sent from.
func backTo(r *http.Request) string {
	if u, err := url.Parse(r.Referer()); err == nil && u.Host == r.Host {
		return ours(u.Path)
	}
	return homePath
}

// prove takes a step-up's answer.
func (s *Server) prove(r *http.Request, se access.Session, f httpx.Form) error {
	if c := f.Get(againField + "_credential"); c != "" {
		return s.cfg.Accounts.AgainPasskey(r.Context(), se, s.rp(r), f.Get(againField+"_state"), []byte(c))
	}
	err := s.cfg.Accounts.Again(r.Context(), se, f.Get(againField+"_code"))
	var x *fault.Fault
	if errors.As(err, &x) && x.Field == "code" {
		return x.On(againField + "_code")
	}
	return err
}

func (s *Server) showAgain(w http.ResponseWriter, r *http.Request, se access.Session, v againView) error {
	faults, next := v.Faults, v.Next
	v.Page = s.Frame(r, se, "staff.again.title")
	v.Wide = false
	v.Faults, v.Failed, v.Next, v.FormID = faults, len(faults) > 0, next, "again"
	if s.cfg.Accounts != nil {
		o, err := s.cfg.Accounts.Own(r.Context(), se)
		if err != nil {
			return err
		}
		v.Codes = o.Codes || o.Recovery > 0
		if len(o.Passkeys) > 0 {
			state, options, err := s.cfg.Accounts.AskPasskey(s.rp(r))
			if err != nil {
				return err
			}
			v.Passkey, v.Scripts = &passkeyForm{state, string(options)}, []string{scriptPath()}
		}
		if p, ok := s.provider(se.City); ok && o.Outside {
			v.Outside = &p
		}
	}
	return s.site.Render(w, r, max(v.status(), http.StatusOK), againPage(v))
}

// again asks for a proof before a page.
func (s *Server) again(w http.ResponseWriter, r *http.Request, se access.Session) error {
	return s.showAgain(w, r, se, againView{view: view{Next: ours(r.URL.Query().Get("next"))}, Path: "/staff/again"})
}

func (s *Server) sendAgain(w http.ResponseWriter, r *http.Request, se access.Session) error {
	f, r, err := s.site.Form(w, r)
	if err != nil {
		return err
	}
	v := againView{view: view{Next: ours(f.Get("next"))}, Path: "/staff/again"}
	if f.Switch {
		return s.showAgain(w, r, se, v)
	}
	if err := s.prove(r, se, f); err != nil {
		if err := v.fail(err); err != nil {
			return err
		}
		return s.showAgain(w, r, se, v)
	}
	return httpx.See(w, r, v.Next)
}

// said is the sentence of a field's fault.
func (v view) said(r ctx, field string) string { return ui.ProblemOf(r, v.Faults, field) }
