package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"turnike/internal/booking"
	"turnike/internal/fault"
)

// maxDepth is how deep a body may nest; ours nest two deep.
const maxDepth = 8

// value is a JSON value as it was sent: a string, a bool, a json.Number, nil,
// a []value or an object. encoding/json alone would take a name that stands
// twice, and tell of a wrong type only at the first and by repeating it.
type value any

// object is a JSON object with its names in the order they were sent.
type object struct {
	names  []string
	values map[string]value
}

// readObject reads a body that must be one JSON object. Half a surrogate pair
// becomes U+FFFD, which the form refuses field by field.
func readObject(body []byte) (object, error) {
	if len(bytes.TrimSpace(body)) == 0 {
		return object{}, ErrEmpty
	}
	if !utf8.Valid(body) || !json.Valid(body) {
		return object{}, ErrJSON
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	v, err := readValue(d, 0)
	if err != nil {
		return object{}, err
	}
	o, ok := v.(object)
	if !ok {
		return object{}, ErrType.On("#")
	}
	return o, nil
}

func readValue(d *json.Decoder, depth int) (value, error) {
	if depth > maxDepth {
		return nil, ErrJSON
	}
	tok, err := d.Token()
	if err != nil {
		return nil, ErrJSON
	}
	switch tok {
	case json.Delim('['):
		var list []value
		for d.More() {
			v, err := readValue(d, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err = d.Token()
		return list, err
	case json.Delim('{'):
		o := object{values: map[string]value{}}
		for d.More() {
			tok, err := d.Token()
			if err != nil {
				return nil, ErrJSON
			}
			name, _ := tok.(string)
			if _, twice := o.values[name]; twice {
				return nil, ErrTwice
			}
			if o.values[name], err = readValue(d, depth+1); err != nil {
				return nil, err
			}
			o.names = append(o.names, name)
		}
		_, err = d.Token()
		return o, err
	}
	return tok, nil
}

// reader takes an object apart and notes what is wrong, every fault at its
// place. A name it does not know is never repeated: it may be a number that
// slipped into the wrong place. The object it stands in is named instead.
type reader struct {
	faults fault.List
}

// only notes names that are not among the known ones, once per object.
func (r *reader) only(o object, at string, known ...string) {
	for _, n := range o.names {
		if !slices.Contains(known, n) {
			r.faults = append(r.faults, ErrNoField.On(at))
			return
		}
	}
}

// text is a string, "" where it is absent.
func (r *reader) text(o object, at, name string) string {
	v, ok := o.values[name]
	if !ok {
		return ""
	}
	s, ok := v.(string)
	if !ok {
		r.faults = append(r.faults, ErrType.On(at+"/"+name))
	}
	return s
}

// choice is a string that is one of several, "" where it is absent.
func (r *reader) choice(o object, at, name string, of ...string) string {
	n := len(r.faults)
	s := r.text(o, at, name)
	if _, sent := o.values[name]; sent && len(r.faults) == n && !slices.Contains(of, s) {
		r.faults = append(r.faults, ErrChoice.On(at+"/"+name).With("of", strings.Join(of, ", ")))
		return ""
	}
	return s
}

// object is an object, empty where it is absent.
func (r *reader) object(o object, at, name string) object {
	v, ok := o.values[name]
	if !ok {
		return object{}
	}
	in, ok := v.(object)
	if !ok {
		r.faults = append(r.faults, ErrType.On(at+"/"+name))
	}
	return in
}

// number is a whole number, the given one where it is absent.
func (r *reader) number(o object, at, name string, absent int) int {
	v, ok := o.values[name]
	if !ok {
		return absent
	}
	n, ok := v.(json.Number)
	i, err := n.Int64()
	if !ok || err != nil || i < -1_000_000 || i > 1_000_000 {
		r.faults = append(r.faults, ErrType.On(at+"/"+name))
		return absent
	}
	return int(i)
}

// flag is true or false, false where it is absent.
func (r *reader) flag(o object, at, name string) bool {
	v, ok := o.values[name]
	b, is := v.(bool)
	if ok && !is {
		r.faults = append(r.faults, ErrType.On(at+"/"+name))
	}
	return b
}

// day is a date as 2021-03-17.
func (r *reader) day(o object, at, name string) booking.Day {
	n := len(r.faults)
	text := r.text(o, at, name)
	if _, sent := o.values[name]; !sent || len(r.faults) > n {
		return 0
	}
	d, err := booking.ParseDay(text)
	if err != nil {
		r.faults = append(r.faults, booking.ErrDay.On(at+"/"+name))
	}
	return d
}

// clock is a minute of the day as 08:30, the given one where it is absent.
func (r *reader) clock(o object, at, name string, absent int) int {
	n := len(r.faults)
	text := r.text(o, at, name)
	if _, sent := o.values[name]; !sent || len(r.faults) > n {
		return absent
	}
	for m := 0; m <= 24*60; m += 5 {
		if booking.Clock(m) == text {
			return m
		}
	}
	r.faults = append(r.faults, ErrClock.On(at+"/"+name))
	return absent
}

// list is a list of objects, empty where it is absent.
func (r *reader) list(o object, at, name string) []object {
	v, ok := o.values[name]
	if !ok {
		return nil
	}
	vs, ok := v.([]value)
	if !ok && v != nil {
		r.faults = append(r.faults, ErrType.On(at+"/"+name))
	}
	var out []object
	for i, v := range vs {
		in, ok := v.(object)
		if !ok {
			r.faults = append(r.faults, ErrType.On(at+"/"+name+"/"+strconv.Itoa(i)))
		}
		out = append(out, in)
	}
	return out
}

// need notes names that are absent.
func (r *reader) need(o object, at string, names ...string) {
	for _, n := range names {
		if _, ok := o.values[n]; !ok {
			r.faults = append(r.faults, ErrMissing.On(at+"/"+n))
		}
	}
}

// kinds are the kinds of request, as the body names them.
var kinds = []string{"pair", "status", "renew", "move", "unpair"}

// fieldNames are the names a form may ever have; a city asks some of them.
var fieldNames = []string{
	"citizen", "province", "doc", "id", "passport", "country", "first_name", "last_name", "birth",
	"email", "card", "new_card", "phone", "hes",
}

// form is a POST of a form, read but not yet judged by a city.
type form struct {
	kind, lang, after string
	fields            map[string]string
	boxes             map[string]bool
}

// readForm reads the body of a new request. boxes are the ids of the city's
// tick boxes.
func readForm(body []byte, boxes []string) (form, error) {
	o, err := readObject(body)
	if err != nil {
		return form{}, err
	}
	var r reader
	f := form{fields: map[string]string{}, boxes: map[string]bool{}}
	r.only(o, "#", "kind", "lang", "after", "fields", "boxes")
	r.need(o, "#", "kind", "fields")
	f.kind = r.choice(o, "#", "kind", kinds...)
	f.lang = r.choice(o, "#", "lang", "tr", "en", "ar")
	f.after = r.text(o, "#", "after")
	fields := r.object(o, "#", "fields")
	r.only(fields, "#/fields", fieldNames...)
	for _, n := range fieldNames {
		if v := r.text(fields, "#/fields", n); v != "" {
			f.fields[n] = v
		}
	}
	ticks := r.object(o, "#", "boxes")
	r.only(ticks, "#/boxes", boxes...)
	for _, b := range boxes {
		v, sent := ticks.values[b]
		t, ok := v.(bool)
		if sent && !ok {
			r.faults = append(r.faults, ErrType.On("#/boxes/"+b))
		}
		f.boxes[b] = t
	}
	return f, r.faults.Err()
}

// readCode reads the body {"code": "..."}.
func readCode(body []byte) (string, error) {
	o, err := readObject(body)
	if err != nil {
		return "", err
	}
	var r reader
	r.only(o, "#", "code")
	r.need(o, "#", "code")
	code := r.text(o, "#", "code")
	return code, r.faults.Err()
}

// readNothing reads the body of an order that needs none: no bytes, or {}.
func readNothing(body []byte) error {
	o, err := readObject(body)
	if errors.Is(err, ErrEmpty) {
		return nil
	}
	if err != nil {
		return err
	}
	var r reader
	r.only(o, "#")
	return r.faults.Err()
}
