package rehearse

import (
	"context"
	"io"

	"turnike/internal/city"
	"turnike/internal/i18n"
	"turnike/internal/web/assets"
)

// WritePage writes a result as one HTML file that needs nothing beside it: it
// can be mailed, kept and printed.
func WritePage(ctx context.Context, w io.Writer, l i18n.Lang, p *city.Profile, r *Result) error {
	v, err := newView(l, p, r)
	if err != nil {
		return err
	}
	return dayPage(v).Render(i18n.With(ctx, l), w)
}

// sheet is the style of a page on its own, in its city's colour.
func (v view) sheet() string {
	theme, err := assets.NewTheme(v.city.Look.Color)
	if err != nil { // the city's file was checked; the product's own colour serves
		theme = assets.Theme{}
	}
	return "<style>" + assets.Sheet(theme, v.l) + reportCSS + "</style>"
}

// reportCSS is what only these reports have.
const reportCSS = `
.t-drawn{vertical-align:middle;padding-inline-start:24px}
.t-strip{display:block;width:200px;height:12px}
[dir=rtl] .t-strip{transform:scaleX(-1)}
@media(max-width:40rem){.t-drawn{display:none}}
.t-strip .t-s0{fill:var(--t-link);opacity:.35}
.t-strip .t-s1{fill:#c2571a}
.t-stack{max-width:60rem}
.t-stack .t-mark{stroke:var(--govuk-text-colour,currentColor);stroke-width:2;stroke-dasharray:5 4}
@media screen and (prefers-color-scheme:dark){.t-strip .t-s1{fill:#ffa66b}}
`
