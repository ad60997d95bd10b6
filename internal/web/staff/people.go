package staff

import (
	"net/http"
	"slices"

	"golang.org/x/text/collate"

	"turnike/internal/access"
	"turnike/internal/i18n"
	"turnike/internal/web/httpx"
	"turnike/internal/web/ui"
)

// peopleView is a tenant's people and the invitations that wait.
type peopleView struct {
	view
	City    string // as in the address
	Tenant  access.Tenant
	People  []access.Person
	Waiting []access.Waiting
	Roles   []access.Role
	Role    access.Role
	Centres []string // ticked
	Outside *Provider
	Link    string // an invitation just made
	Claim   string
}

// roles are those a tenant's people may have.
func roles(city string) []access.Role {
	if city == access.Everywhere {
		return []access.Role{access.Administrator, access.Operator, access.Auditor}
	}
	return access.Roles()
}

func (s *Server) people(w http.ResponseWriter, r *http.Request, se access.Session) error {
	return s.showPeople(w, r, se, peopleView{})
}

func (s *Server) showPeople(w http.ResponseWriter, r *http.Request, se access.Session, v peopleView) error {
	city, faults := tenantOf(r, se), v.Faults
	v.Page = s.Frame(r, se, "staff.people.title")
	v.Faults, v.Failed, v.City, v.Roles, v.FormID = faults, len(faults) > 0, pathCity(city), roles(city), "invite"
	v.Tenant, _ = s.cfg.Accounts.Tenant(city)
	if p, ok := s.provider(city); ok {
		v.Outside = &p
	}
	var err error
	if v.People, v.Waiting, err = s.cfg.Accounts.People(r.Context(), se, city); err != nil {
		return err
	}
	c := collate.New(i18n.From(r.Context()).Tag())
	slices.SortStableFunc(v.People, func(a, b access.Person) int {
		if a.Left != b.Left {
			if a.Left {
				return 1
			}
			return -1
		}
		return c.CompareString(a.Name, b.Name)
	})
	return s.site.Render(w, r, v.status(), peoplePage(v))
}

func (s *Server) invite(w http.ResponseWriter, r *http.Request, se access.Session) error {
	f, r, err := s.site.Form(w, r)
	if err != nil {
		return err
	}
	v := peopleView{Role: access.Role(f.Get("role")), Centres: f.All("centre"), Claim: f.Get("claim")}
	if f.Switch {
		return s.showPeople(w, r, se, v)
	}
	token, err := s.cfg.Accounts.Invite(r.Context(), se, access.Invitation{City: tenantOf(r, se), Role: v.Role, Centres: v.Centres, Outside: v.Claim})
	if err != nil {
		if err := v.fail(err); err != nil {
			return err
		}
		return s.showPeople(w, r, se, v)
	}
	return s.showPeople(w, r, se, peopleView{Link: s.origin(r) + invitePath(token)})
}

func (s *Server) withdraw(w http.ResponseWriter, r *http.Request, se access.Session) error {
	f, r, err := s.site.Form(w, r)
	if err != nil {
		return err
	}
	city := tenantOf(r, se)
	if err := s.cfg.Accounts.Withdraw(r.Context(), se, city, f.Get("invite")); err != nil {
		return err
	}
	return httpx.See(w, r, "/staff/"+pathCity(city)+"/people")
}

// personView is one of them.
type personView struct {
	view
	City    string
	Tenant  access.Tenant
	Person  access.Person
	Roles   []access.Role
	Role    access.Role
	Centres []string
	Link    string
	Done    bool
}

func (s *Server) person(w http.ResponseWriter, r *http.Request, se access.Session) error {
	return s.showPerson(w, r, se, personView{})
}

func (s *Server) showPerson(w http.ResponseWriter, r *http.Request, se access.Session, v personView) error {
	city, faults := tenantOf(r, se), v.Faults
	v.Page = s.Frame(r, se, "staff.person.title")
	v.City, v.Roles, v.FormID, v.Back = pathCity(city), roles(city), "person", "/staff/"+pathCity(city)+"/people"
	v.Faults, v.Failed = faults, len(faults) > 0
	v.Tenant, _ = s.cfg.Accounts.Tenant(city)
	var err error
	if v.Person, err = s.cfg.Accounts.Person(r.Context(), se, city, r.PathValue("id")); err != nil {
		return err
	}
	if v.Role == "" {
		v.Role, v.Centres = v.Person.Role, v.Person.Centres
	}
	return s.site.Render(w, r, v.status(), personPage(v))
}

func (s *Server) changePerson(w http.ResponseWriter, r *http.Request, se access.Session) error {
	f, r, err := s.site.Form(w, r)
	if err != nil {
		return err
	}
	v := personView{Role: access.Role(f.Get("role")), Centres: f.All("centre")}
	if !f.Switch {
		if err := v.fail(s.cfg.Accounts.SetRole(r.Context(), se, tenantOf(r, se), r.PathValue("id"), v.Role, v.Centres)); err != nil {
			return err
		}
		v.Done = len(v.Faults) == 0
	}
	return s.showPerson(w, r, se, v)
}

func (s *Server) newLink(w http.ResponseWriter, r *http.Request, se access.Session) error {
	_, r, err := s.site.Form(w, r)
	if err != nil {
		return err
	}
	token, err := s.cfg.Accounts.Invite(r.Context(), se, access.Invitation{City: tenantOf(r, se), Account: r.PathValue("id")})
	if err != nil {
		return err
	}
	return s.showPerson(w, r, se, personView{Link: s.origin(r) + invitePath(token)})
}

func (s *Server) retire(w http.ResponseWriter, r *http.Request, se access.Session) error {
	_, r, err := s.site.Form(w, r)
	if err != nil {
		return err
	}
	city := tenantOf(r, se)
	if err := s.cfg.Accounts.Retire(r.Context(), se, city, r.PathValue("id")); err != nil {
		var v personView
		if err := v.fail(err); err != nil {
			return err
		}
		return s.showPerson(w, r, se, v)
	}
	return httpx.See(w, r, "/staff/"+pathCity(city)+"/people")
}

// homeView is the staff's front page: doors to what the role may do.
type homeView struct {
	view
	Name    string
	Doors   []door
	Centres []centreDoors
	Tenants []door
}

type door struct{ Path, Text, About string }

// centreDoors are the pages of one centre.
type centreDoors struct {
	Name  string
	Doors []door
}

func (s *Server) home(w http.ResponseWriter, r *http.Request, se access.Session) error {
	c := r.Context()
	city := tenantOf(r, se)
	v := homeView{view: view{Page: s.Frame(r, se, "")}, Name: se.Name}
	if city == access.Everywhere {
		for _, t := range s.cfg.Accounts.Tenants() {
			d := door{"/staff/" + t.ID + "/", t.Name.In(string(i18n.From(c))), ""}
			if n := len(t.Centres); n > 0 {
				d.About = ui.N(c, "staff.home.centres", n)
			}
			v.Tenants = append(v.Tenants, d)
		}
		v.Doors = append(v.Doors, door{"/staff/all/people", ui.T(c, "staff.nav.people"), ui.T(c, "staff.home.people_all")})
		if se.Role.May(access.ReadAudit) {
			v.Doors = append(v.Doors, door{"/staff/all/audit", ui.T(c, "staff.nav.audit"), ui.T(c, "staff.home.audit")})
		}
		return s.site.Render(w, r, http.StatusOK, homePage(v))
	}
	for _, x := range s.ways(r, se, city) {
		v.Doors = append(v.Doors, door{x.path, ui.T(c, x.key), ""})
	}
	t, _ := s.cfg.Accounts.Tenant(city)
	for _, p := range t.Centres {
		d := centreDoors{Name: p.Name}
		if se.May(access.Queue, city, p.ID) {
			d.Doors = append(d.Doors, door{"/staff/" + city + "/queue/" + p.ID + "/", ui.T(c, "staff.nav.queue"), ""})
		}
		if se.May(access.Plan, city, p.ID) {
			d.Doors = append(d.Doors, door{"/staff/" + city + "/centre/" + p.ID + "/", ui.T(c, "staff.nav.centre"), ""})
		}
		if len(d.Doors) > 0 && len(t.Centres) > 1 && len(se.Centres) != 1 {
			v.Centres = append(v.Centres, d)
		}
	}
	return s.site.Render(w, r, http.StatusOK, homePage(v))
}

// auditView is a tenant's audit, a page at a time.
type auditView struct {
	view
	City  string
	Lines []access.Line
	Older string
}

const auditRows = 100

func (s *Server) audit(w http.ResponseWriter, r *http.Request, se access.Session) error {
	city := tenantOf(r, se)
	lines, err := s.cfg.Accounts.Audit(r.Context(), se, city, r.URL.Query().Get("before"), auditRows)
	if err != nil {
		return err
	}
	v := auditView{view: view{Page: s.Frame(r, se, "staff.audit.title")}, City: pathCity(city), Lines: lines}
	if len(lines) == auditRows {
		v.Older = lines[len(lines)-1].ID
	}
	return s.site.Render(w, r, http.StatusOK, auditPage(v))
}
