package staff

import (
	"context"
	"errors"
	"net/http"

	"turnike/internal/access"
	"turnike/internal/web/httpx"
)

type ctx = context.Context

// accountView is one's own account.
type accountView struct {
	view
	Own      access.Profile
	Sessions []access.Visit
	Done     string // a catalogue key: what was just done
}

func (s *Server) account(w http.ResponseWriter, r *http.Request, se access.Session) error {
	return s.showAccount(w, r, se, accountView{})
}

func (s *Server) toAccount(w http.ResponseWriter, r *http.Request, _ access.Session) error {
	return httpx.See(w, r, "/staff/account")
}

func (s *Server) showAccount(w http.ResponseWriter, r *http.Request, se access.Session, v accountView) error {
	faults := v.Faults
	v.Page = s.Frame(r, se, "staff.account.title")
	v.Faults, v.Failed = faults, len(faults) > 0
	var err error
	if v.Own, err = s.cfg.Accounts.Own(r.Context(), se); err != nil {
		return err
	}
	if v.Sessions, err = s.cfg.Accounts.Sessions(r.Context(), se); err != nil {
		return err
	}
	return s.site.Render(w, r, v.status(), accountPage(v))
}

// did shows the account after a deed, or why it was not done.
func (s *Server) did(w http.ResponseWriter, r *http.Request, se access.Session, done string, err error) error {
	v := accountView{Done: done}
	if err != nil {
		v.Done = ""
		if err := v.fail(err); err != nil {
			return err
		}
	}
	return s.showAccount(w, r, se, v)
}

// keyView asks the device for a further passkey.
type keyView struct {
	view
	Passkey passkeyForm
	Name    string
}

func (s *Server) newPasskey(w http.ResponseWriter, r *http.Request, se access.Session) error {
	f, r, err := s.site.Form(w, r)
	if err != nil {
		return err
	}
	state, options, err := s.cfg.Accounts.AddPasskey(r.Context(), se, s.rp(r))
	if err != nil {
		return err
	}
	v := keyView{view: view{Page: s.Frame(r, se, "staff.passkey.title")}, Passkey: passkeyForm{state, string(options)}, Name: f.Get("machine")}
	v.Wide, v.Back, v.Scripts = false, "/staff/account", []string{scriptPath()}
	return s.site.Render(w, r, http.StatusOK, newKeyPage(v))
}

func (s *Server) keepPasskey(w http.ResponseWriter, r *http.Request, se access.Session) error {
	f, r, err := s.site.Form(w, r)
	if err != nil {
		return err
	}
	err = s.cfg.Accounts.KeepPasskey(r.Context(), se, s.rp(r), f.Get("state"), f.Get("machine"), []byte(f.Get("credential")))
	return s.did(w, r, se, "staff.account.done", err)
}

func (s *Server) dropPasskey(w http.ResponseWriter, r *http.Request, se access.Session) error {
	f, r, err := s.site.Form(w, r)
	if err != nil {
		return err
	}
	return s.did(w, r, se, "staff.account.done", s.cfg.Accounts.DropPasskey(r.Context(), se, f.Get("key")))
}

// password changes it; who has none yet gets one with one-time codes.
func (s *Server) password(w http.ResponseWriter, r *http.Request, se access.Session) error {
	f, r, err := s.site.Form(w, r)
	if err != nil {
		return err
	}
	if f.Switch {
		return s.showAccount(w, r, se, accountView{})
	}
	o, err := s.cfg.Accounts.Own(r.Context(), se)
	if err != nil {
		return err
	}
	if !o.Codes {
		return s.beginCodes(w, r, se, f.Raw("password"))
	}
	return s.did(w, r, se, "staff.account.done_others", s.cfg.Accounts.SetPassword(r.Context(), se, f.Raw("password")))
}

func (s *Server) newCodes(w http.ResponseWriter, r *http.Request, se access.Session) error {
	if _, r, err := s.site.Form(w, r); err != nil {
		return err
	} else {
		return s.beginCodes(w, r, se, "")
	}
}

// codesView shows a new secret for one-time codes.
type codesView struct {
	view
	Draft  access.Draft
	Groups string
}

func (s *Server) beginCodes(w http.ResponseWriter, r *http.Request, se access.Session, password string) error {
	d, err := s.cfg.Accounts.NewCodes(r.Context(), se, password)
	if err != nil {
		return s.did(w, r, se, "", err)
	}
	return s.showCodes(w, r, se, codesView{Draft: d})
}

func (s *Server) showCodes(w http.ResponseWriter, r *http.Request, se access.Session, v codesView) error {
	faults := v.Faults
	v.Page = s.Frame(r, se, "staff.totp.title")
	v.Wide, v.Back, v.FormID = false, "/staff/account", "second"
	v.Faults, v.Failed, v.Groups = faults, len(faults) > 0, groups(v.Draft.Secret)
	return s.site.Render(w, r, v.status(), codesPage(v))
}

func (s *Server) keepCodes(w http.ResponseWriter, r *http.Request, se access.Session) error {
	f, r, err := s.site.Form(w, r)
	if err != nil {
		return err
	}
	var v codesView
	if !f.Switch {
		err := s.cfg.Accounts.KeepCodes(r.Context(), se, f.Get("state"), f.Get("code"))
		if err == nil || !errors.Is(err, access.ErrCode) {
			return s.did(w, r, se, "staff.account.done_others", err)
		}
		if err := v.fail(err); err != nil {
			return err
		}
	}
	if v.Draft, err = s.cfg.Accounts.RedraftCodes(se, f.Get("state")); err != nil {
		return err
	}
	return s.showCodes(w, r, se, v)
}

func (s *Server) recovery(w http.ResponseWriter, r *http.Request, se access.Session) error {
	if _, with, err := s.site.Form(w, r); err != nil {
		return err
	} else {
		r = with
	}
	codes, err := s.cfg.Accounts.NewRecovery(r.Context(), se)
	if err != nil {
		return err
	}
	v := welcomeView{view{Page: s.Frame(r, se, "staff.recovery.title")}, codes}
	v.Wide = false
	return s.site.Render(w, r, http.StatusOK, welcomePage(v))
}

func (s *Server) endSession(w http.ResponseWriter, r *http.Request, se access.Session) error {
	f, r, err := s.site.Form(w, r)
	if err != nil {
		return err
	}
	if err := s.cfg.Accounts.EndSession(r.Context(), se, f.Get("session")); err != nil {
		return err
	}
	return httpx.See(w, r, "/staff/account")
}

func (s *Server) endOthers(w http.ResponseWriter, r *http.Request, se access.Session) error {
	if err := s.cfg.Accounts.EndOthers(r.Context(), se); err != nil {
		return err
	}
	return httpx.See(w, r, "/staff/account")
}
