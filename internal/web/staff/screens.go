package staff

import (
	"net/http"
	"time"

	"turnike/internal/access"
	"turnike/internal/web/httpx"
)

// screensView is the screens and kiosks of a tenant.
type screensView struct {
	view
	City    string
	Tenant  access.Tenant // with the centres somebody may look after
	Devices []access.Device
	Now     time.Time
	Code    string // for a screen just made
	Centre  string
	Kind    string
	Name    string
}

func (s *Server) screens(w http.ResponseWriter, r *http.Request, se access.Session) error {
	return s.showScreens(w, r, se, screensView{})
}

func (s *Server) showScreens(w http.ResponseWriter, r *http.Request, se access.Session, v screensView) error {
	city, faults := tenantOf(r, se), v.Faults
	v.Page = s.Frame(r, se, "staff.screens.title")
	v.City, v.FormID, v.Now = pathCity(city), "screen", s.cfg.Now()
	v.Faults, v.Failed = faults, len(faults) > 0
	t, _ := s.cfg.Accounts.Tenant(city)
	v.Tenant = access.Tenant{ID: t.ID, Name: t.Name}
	for _, c := range t.Centres {
		if se.Sees(c.ID) {
			v.Tenant.Centres = append(v.Tenant.Centres, c)
		}
	}
	var err error
	if v.Devices, err = s.cfg.Accounts.Devices(r.Context(), se, city); err != nil {
		return err
	}
	return s.site.Render(w, r, v.status(), screensPage(v))
}

func (s *Server) makeScreen(w http.ResponseWriter, r *http.Request, se access.Session) error {
	f, r, err := s.site.Form(w, r)
	if err != nil {
		return err
	}
	v := screensView{Centre: f.Get("centre"), Kind: f.Get("kind"), Name: f.Get("device")}
	if f.Switch {
		return s.showScreens(w, r, se, v)
	}
	code, err := s.cfg.Accounts.MakeDevice(r.Context(), se, tenantOf(r, se), v.Centre, v.Kind, v.Name)
	if err != nil {
		if err := v.fail(err); err != nil {
			return err
		}
		return s.showScreens(w, r, se, v)
	}
	return s.showScreens(w, r, se, screensView{Code: code[:4] + " " + code[4:]})
}

func (s *Server) endScreen(w http.ResponseWriter, r *http.Request, se access.Session) error {
	city := tenantOf(r, se)
	if err := s.cfg.Accounts.EndDevice(r.Context(), se, city, r.PathValue("id")); err != nil {
		return err
	}
	return httpx.See(w, r, "/staff/"+pathCity(city)+"/screens")
}

// screenAt is where a device's own page stands.
func screenAt(sc access.Screen) string {
	return screenPath + sc.City + "/" + sc.Centre + "/" + sc.Kind
}

// enrol is the page a new screen opens: it asks for the code once and never
// again.
func (s *Server) enrol(w http.ResponseWriter, r *http.Request) error {
	if token, ok := s.site.Cookie(r, ScreenCookie); ok {
		sc, ok, err := s.cfg.Access.Screen(r.Context(), token)
		if err != nil {
			return err
		}
		if ok {
			return httpx.See(w, r, screenAt(sc))
		}
	}
	v := s.plain(r, "staff.enrol.title", "enrol")
	return s.site.Render(w, r, http.StatusOK, enrolPage(v))
}

func (s *Server) sendEnrol(w http.ResponseWriter, r *http.Request) error {
	f, r, err := s.site.Form(w, r)
	if err != nil {
		return err
	}
	v := s.plain(r, "staff.enrol.title", "enrol")
	if !f.Switch {
		token, sc, err := s.cfg.Accounts.Enrol(r.Context(), f.Get("code"))
		if err == nil {
			s.site.SetCookie(w, ScreenCookie, token, 10*365*24*3600)
			return httpx.See(w, r, screenAt(sc))
		}
		if err := v.fail(err); err != nil {
			return err
		}
	}
	return s.site.Render(w, r, v.status(), enrolPage(v))
}
