package manage

import (
	"context"

	"turnike/internal/web/ui"
)

// dated is a date's field with its words.
func dated(id string, d ui.Date, legend, hint, err string) ui.Date {
	d.ID, d.Legend, d.Hint, d.Error = id, legend, hint, err
	return d
}

func (v weekView) date(id string, d ui.Date, legend, hint, err string) ui.Date {
	return dated(id, d, legend, hint, err)
}

// fileErrors are all faults of the spreadsheet, cell by cell.
func (v weekView) fileErrors(ctx context.Context) (out []string) {
	for _, f := range v.faults {
		if f.Field == "file" {
			out = append(out, ui.Say(ctx, f))
		}
	}
	return out
}

func (v closuresView) errors(ctx context.Context) (out []string) {
	for _, f := range v.faults {
		out = append(out, ui.Say(ctx, f))
	}
	return out
}

func (v changeView) what(ctx context.Context) ui.Choices {
	c := ui.Choices{ID: "what", Legend: ui.T(ctx, "manage.change.what"), Error: ui.ProblemOf(ctx, v.faults, "what")}
	for _, k := range []string{"fewer", "more", "closed", "open"} {
		c.Items = append(c.Items, ui.Choice{Value: k, Label: ui.T(ctx, "manage.change."+k), Checked: v.f.what == k})
	}
	return c
}

func (v changeView) pools(ctx context.Context) ui.Choices {
	c := ui.Choices{ID: "pool", Legend: ui.T(ctx, "manage.change.pool"), Items: []ui.Choice{{Label: ui.T(ctx, "manage.change.pool.all")}}}
	for _, id := range v.p.centre.PoolIDs() {
		c.Items = append(c.Items, ui.Choice{Value: id, Label: id, Checked: v.f.pool == id})
	}
	return c
}

func (v closuresView) where(ctx context.Context) ui.Choices {
	return ui.Choices{ID: "where", Legend: ui.T(ctx, "manage.closures.where"), Items: []ui.Choice{
		{Value: "here", Label: v.p.centre.Name, Checked: true},
		{Value: "all", Label: ui.T(ctx, "manage.closures.all")},
	}}
}

func (v figuresView) centres(ctx context.Context) ui.Choices {
	c := ui.Choices{ID: "centre", Legend: ui.T(ctx, "manage.figures.centre"), Items: []ui.Choice{{Label: ui.T(ctx, "manage.figures.all"), Checked: v.x.centre == ""}}}
	for i := range v.p.net.Centres {
		if at := &v.p.net.Centres[i]; v.p.staff.Sees(at.ID) {
			c.Items = append(c.Items, ui.Choice{Value: at.ID, Label: at.Name, Checked: v.x.centre == at.ID})
		}
	}
	return c
}
