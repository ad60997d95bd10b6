// Package guide is the style guide: every part of internal/web/ui in every
// state on a few pages, in all three languages. It is served by the sandbox and
// the browser tests, never by a city. Its texts are those of the real pages, so
// that what is looked at here is what people will see.
package guide

import (
	"net/http"

	"github.com/a-h/templ"

	"turnike/internal/fault"
	"turnike/internal/web/assets"
	"turnike/internal/web/httpx"
	"turnike/internal/web/ui"
)

// Handler serves the guide below prefix, "/guide/". theme is the city colour it
// is shown in.
func Handler(site *httpx.Site, prefix string, theme assets.Theme) http.Handler {
	mux := http.NewServeMux()
	for path, show := range map[string]struct {
		page ui.Page // Title is a key here
		body func(ui.Page) templ.Component
	}{
		"{$}":    {ui.Page{Title: "citizen.home.title"}, func(p ui.Page) templ.Component { return home(p, prefix) }},
		"form":   {ui.Page{Title: "kind.title.pair", Back: prefix, FormID: "form"}, func(p ui.Page) templ.Component { return form(p, nil) }},
		"errors": {ui.Page{Title: "kind.title.pair", Back: prefix, FormID: "form", Failed: true}, func(p ui.Page) templ.Component { return form(p, wrong()) }},
		"code":   {ui.Page{Title: "code.title", FormID: "form"}, code},
		"done":   {ui.Page{Title: "done.title.pair"}, done},
		"parts":  {ui.Page{Title: "desks.title", Wide: true}, parts},
	} {
		mux.Handle("GET "+prefix+path, site.Page(func(w http.ResponseWriter, r *http.Request) error {
			p := show.page
			p.Title = ui.T(r.Context(), p.Title)
			p.Place, p.Motto, p.Home, p.Theme = "İstanbul", ui.T(r.Context(), "portal.motto"), prefix, theme
			p.Foot = []ui.Link{
				{Href: prefix + "form", Text: ui.T(r.Context(), "kind.title.pair")},
				{Href: prefix + "parts", Text: ui.T(r.Context(), "page.footer.help")},
			}
			return site.Render(w, r, http.StatusOK, show.body(p))
		}))
	}
	mux.Handle(prefix, site.NotFound())
	return mux
}

// wrong is one fault on every field of the sample form.
func wrong() fault.List {
	return fault.List{
		fault.New(fault.Invalid, "name.letters").On("given"),
		fault.New(fault.Invalid, "id.checksum").On("id"),
		fault.New(fault.Invalid, "birth.future").On("birth"),
		fault.New(fault.Invalid, "card.length").On("card").With("want", 16),
		fault.New(fault.Invalid, "hes.shape").On("hes"),
		fault.New(fault.Invalid, "choice.missing").On("citizen"),
		fault.New(fault.Invalid, "choice.missing").On("province"),
		fault.New(fault.Invalid, "box.required").On("terms"),
	}
}
