package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"turnike/internal/access"
	"turnike/internal/app"
)

// UserCmd looks after who works here.
type UserCmd struct {
	Invite UserInviteCmd `cmd:"" help:"Make a one-time link by which somebody comes in."`
	List   UserListCmd   `cmd:"" help:"List who works here."`
	Retire UserRetireCmd `cmd:"" help:"End somebody's account and every session of theirs at once."`
}

// people is an installation, opened for its people alone.
type people struct {
	installation  `embed:""`
	Cities        string `env:"TURNIKE_CITIES" type:"path" help:"Folder of city files, as serve gets it."`
	Centres       string `env:"TURNIKE_CENTRES" type:"path" help:"Folder of centres' files, as serve gets it."`
	KeyPassphrase string `env:"TURNIKE_KEY_PASSPHRASE" help:"Opens a sealed key file. Give it by environment or file."`
	JSON          bool   `help:"Print as JSON."`
}

func (p people) with(ctx context.Context, fn func(*access.Service) error) error {
	svc, done, err := app.OpenAccess(ctx, app.Config{Data: p.Data, Keys: p.keys(), DB: p.rows(), Cities: p.Cities, Centres: p.Centres, KeyPassphrase: p.KeyPassphrase})
	if err != nil {
		return err
	}
	err = fn(svc)
	if derr := done(); err == nil {
		err = derr
	}
	return err
}

func (p people) print(out io.Writer, v any, text func(io.Writer)) error {
	if p.JSON {
		return json.NewEncoder(out).Encode(v)
	}
	text(out)
	return nil
}

// UserInviteCmd invites.
type UserInviteCmd struct {
	people  `embed:""`
	Role    string   `required:"" enum:"clerk,agent,manager,operator,supervisor,auditor,administrator" help:"Role: clerk, agent, manager, operator, supervisor, auditor, administrator."`
	City    string   `default:"*" placeholder:"TENANT" help:"Where: a network (izsu), a city's help desks (izmir-desks), a city (izmir), or * for the whole installation."`
	Centres []string `name:"centre" help:"Only at these centres; may be given several times."`
	Site    string   `placeholder:"URL" help:"Where readers reach the site, https://kart.example, to print a whole link."`
}

// Help is shown by turnike user invite --help.
func (UserInviteCmd) Help() string {
	return `The link is good once and for 72 hours, and says nothing about anybody.

Example, where the last administrator has lost everything:
  turnike user invite --role administrator --site https://kart.example

Example, a clerk at one centre:
  turnike user invite --role clerk --city izsu --centre konak --site https://kart.example`
}

// invitation is what invite prints.
type invitation struct {
	Link    string    `json:"link"`
	City    string    `json:"city"`
	Role    string    `json:"role"`
	Centres []string  `json:"centres,omitempty"`
	Expires time.Time `json:"expires"`
}

// Run invites.
func (c *UserInviteCmd) Run(ctx context.Context, out io.Writer) error {
	return c.with(ctx, func(svc *access.Service) error {
		in := access.Invitation{City: c.City, Role: access.Role(c.Role), Centres: c.Centres}
		token, err := svc.InviteBy(ctx, access.Machine().Actor(), in)
		if err != nil {
			return fmt.Errorf("%w: there may be no such tenant, role or centre; turnike user list names the tenants", err)
		}
		v := invitation{Link: strings.TrimSuffix(c.Site, "/") + "/invite/" + token, City: c.City, Role: c.Role, Centres: c.Centres, Expires: time.Now().Add(access.InviteLife).UTC().Truncate(time.Second)}
		return c.print(out, v, func(w io.Writer) {
			fmt.Fprintf(w, "%s\nfor a %s of %s, once, until %s\n", v.Link, v.Role, v.City, v.Expires.Format(time.RFC3339))
		})
	})
}

// UserListCmd lists.
type UserListCmd struct {
	people `embed:""`
	City   string `placeholder:"TENANT" help:"Only this tenant's; empty: all."`
}

// Help is shown by turnike user list --help.
func (UserListCmd) Help() string {
	return `That you look is written into each tenant's audit.

Example:
  turnike user list --city izsu --json`
}

// member is a line of the list.
type member struct {
	City    string     `json:"city"`
	ID      string     `json:"id"`
	Name    string     `json:"name"`
	Role    string     `json:"role"`
	Centres []string   `json:"centres,omitempty"`
	Left    bool       `json:"left,omitempty"`
	Seen    *time.Time `json:"last_sign_in,omitempty"`
}

// Run lists.
func (c *UserListCmd) Run(ctx context.Context, out io.Writer) error {
	return c.with(ctx, func(svc *access.Service) error {
		tenants := []string{access.Everywhere}
		for _, t := range svc.Tenants() {
			tenants = append(tenants, t.ID)
		}
		if c.City != "" {
			tenants = []string{c.City}
		}
		all := []member{}
		for _, t := range tenants {
			people, _, err := svc.People(ctx, access.Machine(), t)
			if err != nil {
				return err
			}
			for _, p := range people {
				m := member{City: t, ID: p.ID, Name: p.Name, Role: string(p.Role), Centres: p.Centres, Left: p.Left}
				if !p.Seen.IsZero() {
					m.Seen = &p.Seen
				}
				all = append(all, m)
			}
		}
		return c.print(out, all, func(w io.Writer) {
			t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
			fmt.Fprintln(t, "tenant\trole\tcentres\tname\tlast sign-in\tid")
			for _, m := range all {
				seen, where := "never", "all"
				if m.Seen != nil {
					seen = m.Seen.Format(time.RFC3339)
				}
				if m.Left {
					seen = "has left"
				}
				if len(m.Centres) > 0 {
					where = strings.Join(m.Centres, ",")
				}
				fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", m.City, m.Role, where, m.Name, seen, m.ID)
			}
			_ = t.Flush() // to out, which tells its own errors
			if len(all) == 0 {
				fmt.Fprintf(w, "Nobody yet. Tenants: %s\n", strings.Join(tenants, ", "))
			}
		})
	})
}

// UserRetireCmd retires.
type UserRetireCmd struct {
	people `embed:""`
	City   string `required:"" placeholder:"TENANT" help:"Their tenant, * for the whole installation."`
	ID     string `arg:"" help:"The account, as turnike user list shows it."`
}

// Help is shown by turnike user retire --help.
func (UserRetireCmd) Help() string {
	return `The next request of every session of theirs finds them signed out. The name
stays for the audit.

Example:
  turnike user retire --city izsu 0199c0de-0000-7000-8000-000000000000`
}

// Run retires.
func (c *UserRetireCmd) Run(ctx context.Context, out io.Writer) error {
	return c.with(ctx, func(svc *access.Service) error {
		if err := svc.Retire(ctx, access.Machine(), c.City, c.ID); err != nil {
			return fmt.Errorf("retire %s: %w", c.ID, err)
		}
		return c.print(out, map[string]string{"retired": c.ID}, func(w io.Writer) { fmt.Fprintln(w, "retired", c.ID) })
	})
}
