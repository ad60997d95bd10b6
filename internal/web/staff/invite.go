package staff

import (
	"errors"
	"net/http"

	"turnike/internal/access"
	"turnike/internal/i18n"
	"turnike/internal/web/httpx"
	"turnike/internal/web/ui"
)

// offerView is an invitation's first page.
type offerView struct {
	view
	Offer       access.Offer
	Where       string   // the tenant's name
	Centres     []string // names
	Path        string
	Name, Login string
	Phone       string
}

// secondView is its second page: the first code, or the passkey.
type secondView struct {
	view
	Path   string
	Draft  access.Draft
	Groups string // the secret in groups of four, to be typed in
}

// welcomeView shows the recovery codes, once.
type welcomeView struct {
	view
	Codes []string
}

func invitePath(token string) string { return "/invite/" + token }

func (s *Server) offer(w http.ResponseWriter, r *http.Request) error {
	return s.showOffer(w, r, offerView{})
}

// toOffer leads a reload of a later page back: to the account where there is
// one now, else to the first page.
func (s *Server) toOffer(w http.ResponseWriter, r *http.Request) error {
	if _, ok, err := s.session(r); err != nil || ok {
		return errors.Join(err, httpx.See(w, r, "/staff/account"))
	}
	return httpx.See(w, r, invitePath(r.PathValue("token")))
}

func (s *Server) showOffer(w http.ResponseWriter, r *http.Request, v offerView) error {
	token := r.PathValue("token")
	o, err := s.cfg.Accounts.Offer(r.Context(), token)
	if err != nil {
		return err
	}
	faults := v.Faults
	v.view = s.plain(r, "staff.invite.title", "invite")
	v.Faults, v.Failed = faults, len(faults) > 0
	v.Offer, v.Path = o, invitePath(token)
	v.Where, v.Centres = s.where(r, o.City, o.Centres)
	return s.site.Render(w, r, v.status(), offerPage(v))
}

// where names a tenant and some of its centres.
func (s *Server) where(r *http.Request, city string, centres []string) (place string, names []string) {
	if city == access.Everywhere {
		return ui.T(r.Context(), "staff.everywhere"), nil
	}
	t, ok := s.cfg.Accounts.Tenant(city)
	if !ok {
		return city, centres
	}
	return t.Name.In(string(i18n.From(r.Context()))), centreNames(t, centres)
}

func centreNames(t access.Tenant, centres []string) (names []string) {
	for _, c := range centres {
		name := c
		for _, p := range t.Centres {
			if p.ID == c {
				name = p.Name
			}
		}
		names = append(names, name)
	}
	return names
}

func (s *Server) sendOffer(w http.ResponseWriter, r *http.Request) error {
	f, r, err := s.site.Form(w, r)
	if err != nil {
		return err
	}
	token := r.PathValue("token")
	v := offerView{Name: f.Get("name"), Login: f.Get("login"), Phone: f.Get("phone")}
	if f.Switch {
		return s.showOffer(w, r, v)
	}
	n := access.Newcomer{Name: v.Name, Login: v.Login, Phone: v.Phone, Password: f.Raw("password")}
	var d access.Draft
	if f.Get("way") == "passkey" {
		d, err = s.cfg.Accounts.DraftPasskey(r.Context(), token, n, s.rp(r))
	} else {
		d, err = s.cfg.Accounts.Draft(r.Context(), token, n)
	}
	if err != nil {
		if errors.Is(err, access.ErrInvite) {
			return err
		}
		if err := v.fail(err); err != nil {
			return err
		}
		return s.showOffer(w, r, v)
	}
	return s.showSecond(w, r, secondView{Draft: d})
}

func (s *Server) showSecond(w http.ResponseWriter, r *http.Request, v secondView) error {
	token, faults := r.PathValue("token"), v.Faults
	v.Path = invitePath(token)
	if v.Draft.Options != nil {
		v.view = s.plain(r, "staff.passkey.title", "")
		v.Scripts = []string{scriptPath()}
	} else {
		v.view = s.plain(r, "staff.totp.title", "second")
		v.Groups = groups(v.Draft.Secret)
	}
	v.Faults, v.Failed = faults, len(faults) > 0
	return s.site.Render(w, r, v.status(), secondPage(v))
}

// groups parts letters by fours, to be read and typed.
func groups(s string) string {
	out := ""
	for i := 0; i < len(s); i += 4 {
		if i > 0 {
			out += " "
		}
		out += s[i:min(i+4, len(s))]
	}
	return out
}

func (s *Server) acceptCode(w http.ResponseWriter, r *http.Request) error {
	f, r, err := s.site.Form(w, r)
	if err != nil {
		return err
	}
	token, state := r.PathValue("token"), f.Get("state")
	var v secondView
	if !f.Switch {
		in, err := s.cfg.Accounts.Accept(r.Context(), token, state, f.Get("code"))
		if err == nil {
			return s.welcome(w, r, in)
		}
		if !errors.Is(err, access.ErrCode) {
			return err
		}
		if err := v.fail(err); err != nil {
			return err
		}
	}
	if v.Draft, err = s.cfg.Accounts.Redraft(r.Context(), token, state); err != nil {
		return err
	}
	return s.showSecond(w, r, v)
}

func (s *Server) acceptPasskey(w http.ResponseWriter, r *http.Request) error {
	f, r, err := s.site.Form(w, r)
	if err != nil {
		return err
	}
	in, err := s.cfg.Accounts.AcceptPasskey(r.Context(), r.PathValue("token"), f.Get("state"), []byte(f.Get("credential")), s.rp(r))
	if err != nil {
		return err
	}
	return s.welcome(w, r, in)
}

// welcome is the last page of an invitation: signed in, and the recovery codes
// to keep.
func (s *Server) welcome(w http.ResponseWriter, r *http.Request, in access.In) error {
	s.enter(w, in)
	if len(in.Recovery) == 0 {
		return httpx.See(w, r, homePath)
	}
	return s.site.Render(w, r, http.StatusOK, welcomePage(welcomeView{s.plain(r, "staff.welcome.title", ""), in.Recovery}))
}
