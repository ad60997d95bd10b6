package city

import (
	"encoding/xml"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"turnike/internal/card"
)

var idShape = regexp.MustCompile(`^[a-z][a-z0-9-]{1,30}$`)

// check finds everything wrong with a profile at once. It also settles what
// follows from the file: the zone, and times in it.
func (p *Profile) check() []error {
	var wrong []error
	bad := func(format string, args ...any) { wrong = append(wrong, fmt.Errorf(format, args...)) }
	text := func(where string, t Text, required bool) {
		if len(t) == 0 && !required {
			return
		}
		for _, l := range []string{"tr", "en", "ar"} {
			if strings.TrimSpace(t[l]) == "" {
				bad("%s: no text in %q; every text is needed in tr, en and ar", where, l)
			}
		}
		for l := range t {
			if l != "tr" && l != "en" && l != "ar" {
				bad("%s: %q is not one of tr, en, ar", where, l)
			}
		}
	}
	oneOf := func(where, v string, of ...string) {
		if !slices.Contains(of, v) {
			bad("%s: %q; write one of %s", where, v, strings.Join(of, ", "))
		}
	}

	if !idShape.MatchString(p.ID) {
		bad("id: %q; write 2 to 31 of a-z, 0-9 and dashes, a letter first", p.ID)
	}
	text("name", p.Name, true)
	text("intro", p.Intro, false)
	if p.Plate < 0 || p.Plate > 81 {
		bad("plate: %d; write the province's code 1 to 81, or 0 for a portal of many", p.Plate)
	}
	zone, err := time.LoadLocation(p.Zone)
	if err != nil || p.Zone == "" {
		bad("zone: %q is not a zone name; write for instance \"Europe/Istanbul\"", p.Zone)
		zone = time.UTC
	}
	p.zone = zone
	if p.CardName == "" {
		bad("card_name: missing; write what people call the card")
	}
	if p.Operator == "" {
		bad("operator: missing; write who runs the cards")
	}

	if ratio, ok := contrastWithWhite(p.Look.Color); !ok {
		bad("look.color: %q; write #rrggbb", p.Look.Color)
	} else if ratio < 4.5 {
		bad("look.color: %s has a contrast of %.1f with white; WCAG AA needs 4.5: choose a darker one", p.Look.Color, ratio)
	}
	if why := svgFault(p.Look.Logo); p.Look.Logo != "" && why != "" {
		bad("look.logo: %s", why)
	}

	wrong = append(wrong, p.checkForm(text, oneOf)...)

	oneOf("legal.basis", p.Legal.Basis, "legal_obligation", "explicit_consent")
	text("legal.notice", p.Legal.Notice, true)
	text("legal.terms", p.Legal.Terms, true)
	if p.Legal.Controller == "" {
		bad("legal.controller: missing; write who answers for the data")
	}
	if p.Legal.Version == "" {
		bad("legal.version: missing; each pairing is stored with the version its holder saw")
	}
	if p.Legal.RetainDays <= 0 {
		bad("legal.retain_days: %d; write how many days details outlive a pairing", p.Legal.RetainDays)
	}
	if p.Rules.CardsPerPerson < 0 || p.Rules.CardsPerPerson > 1 {
		bad("rules.cards_per_person: %d; write 1, or 0 for no limit", p.Rules.CardsPerPerson)
	}
	if p.Rules.CardsPerCode < 0 || p.Rules.CardsPerCode > 1 {
		bad("rules.cards_per_code: %d; write 1, or 0 for no limit", p.Rules.CardsPerCode)
	}
	if p.Rules.CardsPerPerson == 1 && !p.Asks("id") {
		bad("rules.cards_per_person: one card per person needs the field \"id\" in form.fields")
	}
	if p.Rules.Health {
		if !p.Asks("hes") {
			bad("rules.health: asking the authority needs the field \"hes\" in form.fields")
		}
		if p.Rules.IsolationDays < 1 || p.Rules.IsolationDays > 60 {
			bad("rules.isolation_days: %d; write 1 to 60: every stop has an end", p.Rules.IsolationDays)
		}
		if p.Rules.RecheckHours < 1 {
			bad("rules.recheck_hours: %d; write how often the authority is asked again", p.Rules.RecheckHours)
		}
	}
	if p.Rules.AgeBands && !p.Asks("birth") {
		bad("rules.age_bands: needs the field \"birth\" in form.fields")
	}

	for _, g := range []struct{ name, v string }{{"stale_unpaired", p.Gate.StaleUnpaired}, {"stale_paired", p.Gate.StalePaired}, {"stale_stopped", p.Gate.StaleStopped}} {
		oneOf("gate."+g.name, g.v, "ride", "full_fare", "refuse")
	}
	if p.Gate.AmberHours < 1 || p.Gate.AlarmHours < p.Gate.AmberHours || p.Gate.MaxAgeHours < p.Gate.AlarmHours {
		bad("gate: amber_hours, alarm_hours and max_age_hours must rise in this order, from at least 1")
	}

	wrong = append(wrong, p.checkReport(oneOf)...)
	wrong = append(wrong, p.checkSchemes(text)...)
	wrong = append(wrong, p.checkDecisions(text, oneOf)...)

	seen := map[string]bool{}
	for i, d := range p.Desks {
		where := fmt.Sprintf("desk %d", i+1)
		if d.ID == "" || seen[d.ID] {
			bad("%s: id %q is missing or used twice", where, d.ID)
		}
		seen[d.ID] = true
		oneOf(where+".kind", d.Kind, "desk", "kiosk")
		oneOf(where+".place", d.Place, "metro", "izban", "pier", "transfer", "office", "social", "bus")
		if d.Name == "" {
			bad("%s: no name", where)
		}
	}
	return wrong
}

func (p *Profile) checkForm(text func(string, Text, bool), oneOf func(string, string, ...string)) (wrong []error) {
	bad := func(format string, args ...any) { wrong = append(wrong, fmt.Errorf(format, args...)) }
	all := slices.Concat(p.Form.Fields, p.Form.Contact)
	seen := map[string]bool{}
	for _, f := range all {
		if !slices.Contains(fieldNames, f) {
			bad("form.fields: %q; there are %s", f, strings.Join(fieldNames, ", "))
		}
		if seen[f] {
			bad("form.fields: %q stands twice", f)
		}
		seen[f] = true
	}
	for _, f := range []string{"card", "phone"} {
		if !seen[f] {
			bad("form.fields: %q is missing; nothing works without it", f)
		}
	}
	for _, f := range p.Form.Optional {
		if !seen[f] || f == "card" || f == "phone" {
			bad("form.optional: %q cannot be optional", f)
		}
	}
	for f := range p.Form.Paper {
		if !slices.Contains(fieldNames, f) && f != "passport" {
			bad("form.paper: %q is no field", f)
		}
	}
	for _, d := range p.Form.Documents {
		oneOf("form.documents", d, "tckn", "ykn", "passport")
	}
	if seen["id"] && len(p.Form.Documents) == 0 {
		bad("form.documents: missing; the form asks an identity number, say of which documents")
	}
	if slices.Contains(p.Form.Documents, "passport") {
		text("form.passport_switch", p.Form.Passport, true)
	}
	if seen["province"] && p.Plate != 0 {
		bad("form.fields: \"province\" is for a portal (plate 0)")
	}
	text("form.button", p.Form.Button, true)
	ids := map[string]bool{}
	terms := false
	for i, b := range p.Form.Boxes {
		where := fmt.Sprintf("form.box %d", i+1)
		if !idShape.MatchString(b.ID) || ids[b.ID] {
			bad("%s: id %q is missing, badly written or used twice", where, b.ID)
		}
		ids[b.ID] = true
		oneOf(where+".kind", b.Kind, "terms", "notice", "consent")
		if b.Kind == "consent" && b.Required && p.Legal.Basis != "explicit_consent" {
			bad("%s: consent may not be a condition of service where the basis is not consent", where)
		}
		terms = terms || b.Kind == "terms" && b.Required
		text(where+".text", b.Text, true)
	}
	if !terms {
		bad("form.box: no required box of kind \"terms\"")
	}
	return wrong
}

func (p *Profile) checkSchemes(text func(string, Text, bool)) (wrong []error) {
	bad := func(format string, args ...any) { wrong = append(wrong, fmt.Errorf(format, args...)) }
	if len(p.Schemes) == 0 {
		bad("scheme: none; write how the cards are numbered")
	}
	ids := map[uint8]bool{}
	for i, s := range p.Schemes {
		where := fmt.Sprintf("scheme %d", i+1)
		if s.ID == 0 || ids[s.ID] {
			bad("%s: id %d is missing or used twice", where, s.ID)
		}
		ids[s.ID] = true
		if _, ok := checks[s.Check]; !ok {
			bad("%s.check: %q; write none, luhn or mod97", where, s.Check)
		}
		if len(s.Prefix) >= int(s.Digits) || strings.Trim(s.Prefix, "0123456789") != "" {
			bad("%s.prefix: %q; write fewer digits than the number has", where, s.Prefix)
		}
		text(where+".hint", s.Hint, true)
		ways := 0
		for _, way := range []bool{s.Tagged, s.Chips, len(s.Ranges) > 0} {
			if way {
				ways++
			}
		}
		if ways != 1 {
			bad("%s: write either issued ranges, tagged = true or chips = true", where)
		}
		for j, r := range s.Ranges {
			if r.Last < r.First {
				bad("%s.range %d: last is before first", where, j+1)
			}
			if _, ok := card.ClassOf(r.Class); r.Class != "" && !ok {
				bad("%s.range %d: class %q is unknown", where, j+1, r.Class)
			}
		}
	}
	if len(wrong) == 0 {
		r, err := p.makeRanges()
		if err != nil {
			bad("scheme: %v", err)
		}
		p.ranges = r
	}
	return wrong
}

func (p *Profile) checkDecisions(text func(string, Text, bool), oneOf func(string, string, ...string)) (wrong []error) {
	bad := func(format string, args ...any) { wrong = append(wrong, fmt.Errorf(format, args...)) }
	ids := map[string]bool{}
	for i := range p.Decisions {
		d := &p.Decisions[i]
		where := fmt.Sprintf("decision %q", d.ID)
		if d.ID == "" || ids[d.ID] {
			bad("decision %d: id %q is missing or used twice", i+1, d.ID)
		}
		if d.Supersedes != "" && !ids[d.Supersedes] {
			bad("%s: supersedes %q, which is not written above it", where, d.Supersedes)
		}
		ids[d.ID] = true
		d.Announced, d.From, d.Until = local(d.Announced, p.zone), local(d.From, p.zone), local(d.Until, p.zone)
		if d.Announced.IsZero() || d.From.IsZero() {
			bad("%s: announced and from are needed, as local times without a zone (2021-01-15T00:00:00)", where)
		}
		if d.From.Before(d.Announced) {
			bad("%s: takes effect before it was announced; nobody can obey that", where)
		}
		if !d.Until.IsZero() && !d.Until.After(d.From) {
			bad("%s: until is not after from", where)
		}
		oneOf(where+".outcome", d.Outcome, "refuse", "full_fare", "ride")
		for _, c := range d.Classes {
			if _, ok := card.ClassOf(c); !ok {
				bad("%s.classes: %q is unknown", where, c)
			}
		}
		if len(d.Classes) == 0 {
			bad("%s.classes: none", where)
		}
		for _, h := range d.Hours {
			if _, _, err := parseHours(h); err != nil {
				bad("%s.hours: %v", where, err)
			}
		}
		text(where+".text", d.Text, true)
		if d.Source == "" {
			bad("%s.source: missing; name the board, its date or number", where)
		}
	}
	return wrong
}

// local reads a time written without a zone as the city's own.
func local(t time.Time, zone *time.Location) time.Time {
	if t.IsZero() {
		return t
	}
	y, m, d := t.Date()
	return time.Date(y, m, d, t.Hour(), t.Minute(), t.Second(), 0, zone)
}

// parseHours reads "10:00-14:00" as minutes after midnight; 24:00 is the end
// of the day.
func parseHours(s string) (start, end uint16, err error) {
	a, b, ok := strings.Cut(s, "-")
	read := func(s string) (uint16, bool) {
		h, m, ok := strings.Cut(strings.TrimSpace(s), ":")
		hh, err1 := strconv.Atoi(h)
		mm, err2 := strconv.Atoi(m)
		if !ok || err1 != nil || err2 != nil || hh < 0 || mm < 0 || mm > 59 || hh*60+mm > 24*60 {
			return 0, false
		}
		return uint16(hh*60 + mm), true
	}
	start, ok1 := read(a)
	end, ok2 := read(b)
	if !ok || !ok1 || !ok2 || start == end {
		return 0, 0, fmt.Errorf("%q; write for instance 10:00-14:00", s)
	}
	return start, end, nil
}

// contrastWithWhite is the WCAG contrast ratio of a colour with white.
func contrastWithWhite(hex string) (float64, bool) {
	if len(hex) != 7 || hex[0] != '#' {
		return 0, false
	}
	v, err := strconv.ParseUint(hex[1:], 16, 32)
	if err != nil {
		return 0, false
	}
	lin := func(c uint64) float64 {
		f := float64(c&255) / 255
		if f <= 0.04045 {
			return f / 12.92
		}
		return math.Pow((f+0.055)/1.055, 2.4)
	}
	l := 0.2126*lin(v>>16) + 0.7152*lin(v>>8) + 0.0722*lin(v)
	return 1.05 / (l + 0.05), true
}

// svgFault says why a logo may not be shown: it must be one small SVG with no
// script, no event handler and no link to anywhere.
func svgFault(s string) string {
	if len(s) > 4096 {
		return "longer than 4096 bytes"
	}
	dec := xml.NewDecoder(strings.NewReader(s))
	first := true
	for {
		tok, err := dec.Token()
		if err != nil {
			if first {
				return "not an SVG"
			}
			if err.Error() != "EOF" {
				return "not well-formed: " + err.Error()
			}
			return ""
		}
		el, ok := tok.(xml.StartElement)
		if !ok {
			continue
		}
		if first && el.Name.Local != "svg" {
			return "not an SVG"
		}
		first = false
		if slices.Contains([]string{"script", "foreignObject", "a", "use", "image", "style", "animate", "set"}, el.Name.Local) {
			return "holds <" + el.Name.Local + ">, which a logo may not"
		}
		for _, a := range el.Attr {
			if strings.HasPrefix(strings.ToLower(a.Name.Local), "on") || a.Name.Local == "href" || a.Name.Local == "style" {
				return "holds the attribute " + a.Name.Local + ", which a logo may not"
			}
		}
	}
}
