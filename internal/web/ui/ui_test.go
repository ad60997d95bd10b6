package ui

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/a-h/templ"
	"golang.org/x/net/html"

	"turnike/internal/fault"
	"turnike/internal/i18n"
)

// draw renders a component for a reader of l and parses it.
func draw(t *testing.T, l i18n.Lang, c templ.Component) (*html.Node, string) {
	t.Helper()
	var b bytes.Buffer
	if err := c.Render(i18n.With(t.Context(), l), &b); err != nil {
		t.Fatal(err)
	}
	doc, err := html.Parse(bytes.NewReader(b.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	return doc, b.String()
}

// all returns the elements for which want holds.
func all(n *html.Node, want func(*html.Node) bool) []*html.Node {
	var found []*html.Node
	for d := range n.Descendants() {
		if d.Type == html.ElementNode && want(d) {
			found = append(found, d)
		}
	}
	return found
}

func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func byID(n *html.Node, id string) *html.Node {
	if f := all(n, func(e *html.Node) bool { return attr(e, "id") == id }); len(f) == 1 {
		return f[0]
	}
	return nil
}

// TestFieldsAreTiedTogether holds for every kind of field that its label names
// it, that hint and error describe it and exist, and that ids are unique.
func TestFieldsAreTiedTogether(t *testing.T) {
	choices := Choices{ID: "x", Legend: "Label", Hint: "Hint", Error: "Error", Items: []Choice{{Value: "1", Label: "One"}, {Value: "2", Label: "Two"}}}
	for name, c := range map[string]templ.Component{
		"input":      Input(Field{ID: "x", Label: "Label", Hint: "Hint", Error: "Error", Term: "Terim"}),
		"select":     Select(choices),
		"radios":     Radios(choices),
		"checkboxes": Checkboxes(choices),
		"date":       DateInput(Date{ID: "x", Legend: "Label", Hint: "Hint", Error: "Error"}),
	} {
		doc, text := draw(t, i18n.English, c)
		ids := map[string]int{}
		for _, e := range all(doc, func(e *html.Node) bool { return attr(e, "id") != "" }) {
			ids[attr(e, "id")]++
		}
		for id, n := range ids {
			if n != 1 {
				t.Errorf("%s: id %q stands %d times", name, id, n)
			}
		}
		controls := all(doc, func(e *html.Node) bool { return e.Data == "input" || e.Data == "select" })
		if len(controls) == 0 {
			t.Fatalf("%s: no control in %s", name, text)
		}
		for _, c := range controls {
			labels := all(doc, func(e *html.Node) bool { return e.Data == "label" && attr(e, "for") == attr(c, "id") })
			if len(labels) != 1 {
				t.Errorf("%s: %q has %d labels, want 1", name, attr(c, "id"), len(labels))
			}
		}
		described := all(doc, func(e *html.Node) bool { return attr(e, "aria-describedby") != "" })
		if len(described) != 1 {
			t.Fatalf("%s: %d elements are described, want 1", name, len(described))
		}
		if got, want := attr(described[0], "aria-describedby"), "x-hint x-error"; got != want {
			t.Errorf("%s: described by %q, want %q", name, got, want)
		}
		for _, id := range strings.Fields(attr(described[0], "aria-describedby")) {
			if byID(doc, id) == nil {
				t.Errorf("%s: described by #%s, which is not there once", name, id)
			}
		}
	}
}

func TestNumbersStayLeftToRight(t *testing.T) {
	for kind, want := range map[Kind]string{Digits: "ltr", Code: "ltr", Phone: "ltr", Email: "ltr", OneTimeCode: "ltr", Words: ""} {
		doc, _ := draw(t, i18n.Arabic, Input(Field{ID: "x", Label: "L", Kind: kind}))
		if got := attr(byID(doc, "x"), "dir"); got != want {
			t.Errorf("kind %d: dir is %q, want %q", kind, got, want)
		}
	}
}

func TestTurkishTermIsForForeigners(t *testing.T) {
	for l, want := range map[i18n.Lang]bool{i18n.Turkish: false, i18n.English: true, i18n.Arabic: true} {
		_, text := draw(t, l, Input(Field{ID: "x", Label: "L", Term: "Soyad"}))
		if got := strings.Contains(text, "Soyad"); got != want {
			t.Errorf("%s: shows the paper's word: %t, want %t", l, got, want)
		}
	}
}

// TestNothingBreaksOut draws text that would be markup if it were believed.
func TestNothingBreaksOut(t *testing.T) {
	bad := `"><script>x</script>`
	for name, c := range map[string]templ.Component{
		"input":   Input(Field{ID: "x", Label: bad, Hint: bad, Error: bad, Value: bad, Term: bad}),
		"summary": ErrorSummary([]Problem{{Field: "x", Text: bad}, {Text: bad}}),
		"rows":    SummaryList([]Row{{Key: bad, Value: bad}}),
		"table":   Table(bad, []string{bad}, nil, [][]string{{bad}}),
		"chart":   Figure(Chart{Title: bad, Head: bad, Labels: []string{bad}, Series: []Series{{Name: bad, Values: []float64{1}}}}),
		"qr":      QR(bad, bad),
		"link":    Door("javascript:alert(1)", bad, bad),
	} {
		doc, text := draw(t, i18n.English, c)
		if n := len(all(doc, func(e *html.Node) bool { return e.Data == "script" })); n != 0 {
			t.Errorf("%s: %d scripts in %s", name, n, text)
		}
		if strings.Contains(text, "javascript:") {
			t.Errorf("%s: a script address got through: %s", name, text)
		}
	}
}

// TestNoInlineStyle: the pages' policy would refuse it.
func TestNoInlineStyle(t *testing.T) {
	page := Page{Title: "T", Place: "P", Home: "/", FormID: "f", Back: "/", Foot: []Link{{"/", "x"}}}
	doc, _ := draw(t, i18n.Arabic, Frame(page))
	for _, e := range all(doc, func(*html.Node) bool { return true }) {
		if attr(e, "style") != "" || e.Data == "style" {
			t.Errorf("<%s> carries style", e.Data)
		}
		for _, a := range e.Attr {
			if strings.HasPrefix(a.Key, "on") {
				t.Errorf("<%s> carries %s", e.Data, a.Key)
			}
		}
	}
}

func TestFrame(t *testing.T) {
	for _, l := range i18n.Langs() {
		for _, form := range []string{"", "f"} {
			doc, _ := draw(t, l, Frame(Page{Title: "Başlık", Place: "İzmir", Home: "/izmir/", FormID: form, Failed: true}))
			root := all(doc, func(e *html.Node) bool { return e.Data == "html" })[0]
			if attr(root, "lang") != string(l) || attr(root, "dir") != l.Dir() {
				t.Errorf("%s: got lang %q dir %q", l, attr(root, "lang"), attr(root, "dir"))
			}
			title := all(doc, func(e *html.Node) bool { return e.Data == "title" })[0].FirstChild.Data
			if want := i18n.T(l, "page.title_error", "Title", "Başlık", "Place", "İzmir"); strings.NewReplacer("\u2068", "", "\u2069", "").Replace(title) != want {
				t.Errorf("%s: title %q, want %q", l, title, want)
			}
			buttons := all(doc, func(e *html.Node) bool { return e.Data == "button" })
			if form == "" && len(buttons) != 0 {
				t.Errorf("%s: %d buttons without a form", l, len(buttons))
			}
			if form != "" {
				if len(buttons) != 3 || attr(buttons[0], "name") != "" {
					t.Errorf("%s: the form's first button must be nameless, so that Return does not change the language", l)
				}
			}
		}
	}
}

func TestSay(t *testing.T) {
	ctx := i18n.With(context.Background(), i18n.English)
	f := fault.New(fault.Invalid, "code.wrong").On("code").With("left", 4)
	if got, want := Say(ctx, f), "The code is not right. Enter the newest code you received. Tries left: 4."; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	// The value is optional: without it no hole is left.
	if got := Say(ctx, fault.New(fault.Invalid, "code.wrong")); strings.Contains(got, "no value") || strings.Contains(got, "left") {
		t.Errorf("without a value: %q", got)
	}
	list := fault.List{fault.New(fault.Invalid, "birth.future").On("birth"), f}
	if got := fmt.Sprint(Problems(ctx, list, "birth")[0].Field, ProblemOf(ctx, list, "code") != "", ProblemOf(ctx, list, "card")); got != "birth_daytrue" {
		t.Errorf("got %q", got)
	}
}

func TestChart(t *testing.T) {
	c := Chart{Title: "T", Head: "H", Labels: []string{"a", "b", "c"}, Series: []Series{{"one", []float64{0, 50, 100}}, {"two", []float64{10, 20}}}}
	d := c.lay(i18n.With(t.Context(), i18n.Turkish))
	if got, want := len(d.bars), 5; got != want {
		t.Errorf("%d bars, want %d", got, want)
	}
	if d.bars[0].h != "0" {
		t.Errorf("the bar of 0 is %s high", d.bars[0].h)
	}
	if got, want := fmt.Sprint(d.rows), "[[a 0 10] [b 50 20] [c 100 ]]"; got != want {
		t.Errorf("table %s, want %s", got, want)
	}
	if got, want := d.axis[len(d.axis)-1].label, "100"; got != want {
		t.Errorf("the axis ends at %s, want %s", got, want)
	}
	c.Percent, c.Series = true, []Series{{"one", []float64{0.24, 0.4, 0.17}}}
	if d := c.lay(i18n.With(t.Context(), i18n.Turkish)); d.rows[0][1] != "%24" {
		t.Errorf("a share is written %q, want %%24", d.rows[0][1])
	}
	for _, empty := range []Chart{{}, {Labels: []string{"a"}, Series: []Series{{"one", nil}}}, {Lines: true, Labels: []string{"a"}, Series: []Series{{"one", []float64{0}}}}} {
		if _, text := draw(t, i18n.English, Figure(empty)); strings.Contains(text, "NaN") || strings.Contains(text, "Inf") {
			t.Errorf("%+v draws %s", empty, text)
		}
	}
}

// TestQR reads the drawing back: the three corner marks are where they belong.
func TestQR(t *testing.T) {
	q := newQR("K7M2-9XQ4")
	if q.size != 21 && q.size != 25 {
		t.Fatalf("a short text gives %d modules a side", q.size)
	}
	_, text := draw(t, i18n.English, QR("K7M2-9XQ4", "label"))
	dark := map[[2]int]bool{}
	for _, m := range regexp.MustCompile(`M(\d+) (\d+)h(\d+)v1h-\d+z`).FindAllStringSubmatch(text, -1) {
		var x, y, n int
		if _, err := fmt.Sscan(m[1], &x); err != nil {
			t.Fatal(err)
		}
		_, _ = fmt.Sscan(m[2], &y)
		_, _ = fmt.Sscan(m[3], &n)
		for i := range n {
			dark[[2]int{x + i - quiet, y - quiet}] = true
		}
	}
	for _, corner := range [][2]int{{0, 0}, {q.size - 7, 0}, {0, q.size - 7}} {
		for i := range 7 {
			if !dark[[2]int{corner[0] + i, corner[1]}] || !dark[[2]int{corner[0], corner[1] + i}] {
				t.Errorf("the mark at %v is broken", corner)
				break
			}
		}
	}
	if newQR(strings.Repeat("x", 10_000)).size != 0 {
		t.Error("a text too long for a code is drawn")
	}
}
