package ui

// title is the key of the heading that fits a status.
func (t Trouble) title() string {
	switch {
	case t.Status == 404:
		return "page.not_found.title"
	case t.Status == 410:
		return "page.over.title"
	case t.Status == 429, t.Status == 503:
		return "page.busy.title"
	case t.Status < 500:
		return "page.refused.title"
	}
	return "page.trouble.title"
}

func (p Page) titled(title string) Page {
	p.Title = title
	return p
}
