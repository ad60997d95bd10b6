package api_test

import (
	"testing"
)

func TestPairACard(t *testing.T) {
	w := newWorld(t)
	phone := w.phone()
	a := w.begin("istanbul", w.istanbul("3400 0000 0000 1234", phone)).want(201)
	if got, want := a.at("stage"), "code"; got != want {
		t.Errorf("stage: got %q, want %q", got, want)
	}
	if got, want := a.header.Get("Location"), "/api/v1/cities/istanbul/requests/"+a.at("token"); got != want {
		t.Errorf("Location: got %q, want %q", got, want)
	}
	if got := a.header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control: got %q, want no-store", got)
	}
	b := w.call("POST", a.header.Get("Location")+"/code", map[string]string{"code": w.code(phone)}).want(200)
	if got := b.at("stage"); got != "received" {
		t.Errorf("stage after the code: got %q, want received\n%s", got, b.body)
	}
	w.deliver()
	texts := w.sandbox.Inbox("90"+phone, 0)
	if len(texts) != 2 {
		t.Fatalf("texts on the phone: got %d, want 2: the code and the result", len(texts))
	}
	c := w.call("GET", a.header.Get("Location"), nil).want(200)
	if got := c.at("reference"); got != a.at("reference") {
		t.Errorf("reference: got %q, want %q", got, a.at("reference"))
	}
}
