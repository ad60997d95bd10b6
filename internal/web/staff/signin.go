package staff

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"turnike/internal/access"
	"turnike/internal/fault"
	"turnike/internal/web/httpx"
	"turnike/internal/web/ui"
)

// view is what the pages of this package have in common.
type view struct {
	ui.Page
	Faults fault.List
	Next   string // where to go afterwards
	Kept   string // a post that waits for the sign-in, sealed
}

// passkeyForm is a form that a passkey answers.
type passkeyForm struct {
	State, Options string
}

// plain is the frame of a page without a session.
func (s *Server) plain(r *http.Request, titleKey, formID string) view {
	return view{Page: ui.Page{Place: "Turnike", Motto: ui.T(r.Context(), "staff.motto"), Home: homePath, Staff: true,
		Title: ui.T(r.Context(), titleKey), FormID: formID}}
}

// fail takes faults for a page's own summary; what is none is returned.
func (v *view) fail(err error) error {
	if err == nil {
		return nil
	}
	l := fault.Of(err)
	if len(l) == 0 {
		return err
	}
	for _, f := range l {
		if f.Kind.Status() >= 500 || f.Kind == fault.NotFound {
			return err
		}
	}
	v.Faults, v.Failed = l, true
	return nil
}

// status is what a page with these faults answers.
func (v view) status() int {
	if len(v.Faults) == 0 {
		return http.StatusOK
	}
	return v.Faults[0].Kind.Status()
}

// ours is a path of our own to go on to, or the front page.
func ours(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Host != "" || !strings.HasPrefix(u.Path, "/staff/") || strings.ContainsAny(next, "\\\r\n") {
		return homePath
	}
	return next
}

// signInView is the first page of signing in.
type signInView struct {
	view
	Login   string
	Passkey passkeyForm
	Outside []Provider
	Script  string
}

func (s *Server) signIn(w http.ResponseWriter, r *http.Request) error {
	if _, ok, err := s.session(r); err != nil {
		return err
	} else if ok {
		return httpx.See(w, r, ours(r.URL.Query().Get("next")))
	}
	return s.showSignIn(w, r, signInView{view: view{Next: ours(r.URL.Query().Get("next"))}})
}

func (s *Server) showSignIn(w http.ResponseWriter, r *http.Request, v signInView) error {
	base := s.plain(r, "staff.sign_in.title", "sign-in")
	base.Faults, base.Failed, base.Next, base.Kept = v.Faults, len(v.Faults) > 0, v.Next, v.Kept
	v.view = base
	state, options, err := s.cfg.Accounts.AskPasskey(s.rp(r))
	if err == nil {
		v.Passkey = passkeyForm{state, string(options)}
		v.Scripts = []string{scriptPath()}
	} // an address that no passkey can belong to (a bare IP) offers none
	v.Outside = s.cfg.Providers
	return s.site.Render(w, r, v.status(), signInPage(v))
}

func (s *Server) sendSignIn(w http.ResponseWriter, r *http.Request) error {
	f, r, err := s.site.Form(w, r)
	if err != nil {
		return err
	}
	v := signInView{view: view{Next: ours(f.Get("next")), Kept: f.Get("kept")}, Login: f.Get("login")}
	if f.Switch {
		return s.showSignIn(w, r, v)
	}
	known, _ := s.site.Cookie(r, knownCookie)
	state, err := s.cfg.Accounts.Password(r.Context(), f.Get("login"), f.Raw("password"), known)
	if err != nil {
		if err := v.fail(err); err != nil {
			return err
		}
		return s.showSignIn(w, r, v)
	}
	return s.showCode(w, r, codeView{view: v.view, State: state})
}

// codeView is the second page: the one-time code.
type codeView struct {
	view
	State string
}

func (s *Server) showCode(w http.ResponseWriter, r *http.Request, v codeView) error {
	base := s.plain(r, "staff.code.title", "code-form")
	base.Faults, base.Failed, base.Next, base.Kept = v.Faults, len(v.Faults) > 0, v.Next, v.Kept
	v.view = base
	return s.site.Render(w, r, v.status(), codePage(v))
}

func (s *Server) sendCode(w http.ResponseWriter, r *http.Request) error {
	f, r, err := s.site.Form(w, r)
	if err != nil {
		return err
	}
	v := codeView{view: view{Next: ours(f.Get("next")), Kept: f.Get("kept")}, State: f.Get("state")}
	if f.Switch {
		return s.showCode(w, r, v)
	}
	in, err := s.cfg.Accounts.Code(r.Context(), v.State, f.Get("code"))
	if err != nil {
		back := v.view
		if err := v.fail(err); err != nil {
			return err
		}
		if errors.Is(err, access.ErrLapsed) {
			back.Faults = v.Faults
			return s.showSignIn(w, r, signInView{view: back})
		}
		return s.showCode(w, r, v)
	}
	return s.goOn(w, r, in, v.view)
}

func (s *Server) sendPasskey(w http.ResponseWriter, r *http.Request) error {
	f, r, err := s.site.Form(w, r)
	if err != nil {
		return err
	}
	v := signInView{view: view{Next: ours(f.Get("next")), Kept: f.Get("kept")}}
	in, err := s.cfg.Accounts.Passkey(r.Context(), s.rp(r), f.Get("state"), []byte(f.Get("credential")))
	if err != nil {
		if err := v.fail(err); err != nil {
			return err
		}
		return s.showSignIn(w, r, v)
	}
	return s.goOn(w, r, in, v.view)
}

// goOn keeps the session and leads to where somebody wanted to go, or gives
// back what they had posted when they were found signed out.
func (s *Server) goOn(w http.ResponseWriter, r *http.Request, in access.In, v view) error {
	s.enter(w, in)
	if v.Kept == "" {
		return httpx.See(w, r, v.Next)
	}
	var k kept
	if err := s.cfg.Accounts.OpenState("kept", v.Kept, &k); err != nil || s.cfg.Now().Sub(k.At) > keptLife {
		return httpx.See(w, r, v.Next)
	}
	c := continueView{view: s.plain(r, "staff.continue.title", ""), Path: k.Path, Values: k.Values}
	return s.site.Render(w, r, http.StatusOK, continuePage(c))
}

// kept is a post that waits for its sender to sign in. It travels sealed in
// the sign-in's own form, so nothing of it is stored.
type kept struct {
	Path   string
	Values url.Values
	At     time.Time
}

// keptLife is how long: longer than anybody takes to sign in, shorter than a
// shift.
const (
	keptLife = 30 * time.Minute
	mostKept = 16 << 10 // bytes of values; a larger form is not kept
)

type continueView struct {
	view
	Path   string
	Values url.Values
}

// keepAndSignIn asks somebody to sign in whose session ended while they filled
// a form in.
func (s *Server) keepAndSignIn(w http.ResponseWriter, r *http.Request) error {
	v := signInView{view: view{Next: homePath}}
	f, r, err := s.site.Form(w, r)
	if err == nil && s.cfg.Accounts != nil {
		size := 0
		for name, all := range f.Values() {
			size += len(name)
			for _, x := range all {
				size += len(x)
			}
		}
		if size <= mostKept {
			if v.Kept, err = s.cfg.Accounts.SealState("kept", kept{r.URL.Path, f.Values(), s.cfg.Now()}); err != nil {
				return err
			}
			v.Faults = fault.List{errEnded}
		}
	}
	if s.cfg.Accounts == nil {
		return httpx.See(w, r, signInPath)
	}
	return s.showSignIn(w, r, v)
}

// errEnded is told to whose session was over when they sent a form.
var errEnded = fault.New(fault.Unauthorized, "staff.session_ended")

func (s *Server) signOut(w http.ResponseWriter, r *http.Request, se access.Session) error {
	if err := s.cfg.Accounts.SignOut(r.Context(), se); err != nil {
		return err
	}
	s.site.DropCookie(w, SessionCookie)
	return httpx.See(w, r, signInPath)
}
