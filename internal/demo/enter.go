package demo

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"

	"github.com/pquerna/otp/totp"

	"turnike/internal/access"
	"turnike/internal/audit"
	"turnike/internal/i18n"
	"turnike/internal/web/httpx"
	"turnike/internal/web/staff"
)

// office is the network and centre of the demo's counters.
const (
	office = "izsu"
	branch = "konak"
)

// part is somebody, or something, whose pages the guide opens.
type part struct {
	Key  string      // of its name in the catalogue, below "demo.part."
	Role access.Role // empty for a screen
	Kind string      // of a screen
	Path string      // where their work begins
}

// parts are those of a centre, from the door to the office.
func parts() []part {
	return []part{
		{Key: "kiosk", Kind: access.Kiosk, Path: "/screen/" + office + "/" + branch + "/kiosk"},
		{Key: "display", Kind: access.Display, Path: "/screen/" + office + "/" + branch + "/display"},
		{Key: "clerk", Role: access.Clerk, Path: "/staff/" + office + "/queue/" + branch + "/"},
		{Key: "agent", Role: access.Agent, Path: "/staff/" + office + "/call/"},
		{Key: "manager", Role: access.Manager, Path: "/staff/"},
		{Key: "administrator", Role: access.Administrator, Path: "/staff/"},
	}
}

// Enter makes somebody new with a role and gives the token of their session:
// invited, let in with a password and a one-time code, as everybody is.
func (w *World) Enter(ctx context.Context, role access.Role, tenant string, centres []string) (token string, err error) {
	a := w.App.Access()
	w.entered.Add(1)
	invite, err := a.InviteBy(ctx, audit.System("demo"), access.Invitation{City: tenant, Role: role, Centres: centres})
	if err != nil {
		return "", fmt.Errorf("invite: %w", err)
	}
	login := fmt.Sprintf("%s%d", role, w.entered.Load())
	d, err := a.Draft(ctx, invite, access.Newcomer{Name: somebody(w.entered.Load()), Login: login, Password: "deneme kenti " + strings.ToLower(invite[:8])})
	if err != nil {
		return "", fmt.Errorf("account: %w", err)
	}
	code, err := totp.GenerateCode(d.Secret, w.Clock.Now())
	if err != nil {
		return "", fmt.Errorf("one-time code: %w", err)
	}
	in, err := a.Accept(ctx, invite, d.State, code)
	if err != nil {
		return "", fmt.Errorf("accept: %w", err)
	}
	return in.Token, nil
}

// somebody is a name for the n-th who is let in.
func somebody(n int64) string {
	r := madeUp(n, rand.New(rand.NewPCG(uint64(n), 1)))
	return r.First.Reveal() + " " + r.Last.Reveal()
}

// Screen puts a screen up in the demo's centre and gives its token.
func (w *World) Screen(ctx context.Context, kind string) (token string, err error) {
	a := w.App.Access()
	manager := access.Session{Account: "demo", City: office, Role: access.Manager}
	code, err := a.MakeDevice(ctx, manager, office, branch, kind, i18n.T(i18n.Turkish, "demo.part."+kind))
	if err != nil {
		return "", fmt.Errorf("code for a screen: %w", err)
	}
	token, _, err = a.Enrol(ctx, code)
	return token, err
}

// enter opens a part's pages: it signs in on the reader's behalf and sends them
// there. A browser holds one person and one screen; a cookie knows no ports. It
// is a link, since a form of one origin may not end at another.
func (w *World) enter(site *httpx.Site) http.Handler {
	return site.Page(func(rw http.ResponseWriter, r *http.Request) error {
		for _, p := range parts() {
			if p.Key != r.PathValue("part") {
				continue
			}
			cookie, token := staff.SessionCookie, ""
			var err error
			if p.Kind != "" {
				cookie = staff.ScreenCookie
				token, err = w.Screen(r.Context(), p.Kind)
			} else {
				token, err = w.Enter(r.Context(), p.Role, office, nil)
			}
			if err != nil {
				return err
			}
			site.SetCookie(rw, cookie, token, 0)
			return httpx.See(rw, r, w.Site+p.Path)
		}
		return httpx.ErrNotFound
	})
}
