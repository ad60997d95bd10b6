package staff_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"turnike/internal/access"
	"turnike/internal/audit"
	"turnike/internal/web/staff"
	"turnike/test/stafftest"
)

// idp is a city's own sign-in: discovery, keys, codes for tokens with PKCE, by
// the book (OpenID Connect Core 1.0, RFC 7636).
type idp struct {
	t   *testing.T
	srv *httptest.Server
	key *rsa.PrivateKey
	now func() time.Time

	mu     sync.Mutex
	asked  url.Values // of the newest authorization request
	claims map[string]any
	wrong  string // what to do wrong: "key", "nonce", "audience", "issuer", "expired"
	codes  map[string]url.Values
}

func newIDP(t *testing.T, now func() time.Time) *idp {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p := &idp{t: t, key: key, now: now, codes: map[string]url.Values{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, r *http.Request) {
		p.json(w, map[string]any{"issuer": p.srv.URL, "authorization_endpoint": p.srv.URL + "/authorize", "token_endpoint": p.srv.URL + "/token",
			"jwks_uri": p.srv.URL + "/keys", "id_token_signing_alg_values_supported": []string{"RS256"}, "response_types_supported": []string{"code"},
			"subject_types_supported": []string{"public"}})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, r *http.Request) {
		p.json(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "1", Algorithm: "RS256", Use: "sig"}}})
	})
	mux.HandleFunc("GET /authorize", p.authorize)
	mux.HandleFunc("POST /token", p.token)
	p.srv = httptest.NewServer(mux)
	t.Cleanup(p.srv.Close)
	return p
}

func (p *idp) json(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		p.t.Error(err)
	}
}

// authorize lets everybody in and sends them back with a code.
func (p *idp) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	p.mu.Lock()
	p.asked = q
	code := rand.Text()
	p.codes[code] = q
	p.mu.Unlock()
	http.Redirect(w, r, q.Get("redirect_uri")+"?code="+code+"&state="+url.QueryEscape(q.Get("state")), http.StatusFound)
}

func (p *idp) token(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := r.ParseForm(); err != nil {
		p.t.Error(err)
	}
	asked, ok := p.codes[r.PostForm.Get("code")]
	delete(p.codes, r.PostForm.Get("code"))
	sum := sha256.Sum256([]byte(r.PostForm.Get("code_verifier")))
	user, secret, basic := r.BasicAuth()
	if !basic {
		user, secret = r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
	}
	if !ok || user != "turnike" || secret != "geheim" || asked.Get("code_challenge_method") != "S256" ||
		asked.Get("code_challenge") != base64.RawURLEncoding.EncodeToString(sum[:]) || asked.Get("redirect_uri") != r.PostForm.Get("redirect_uri") {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(`{"error":"invalid_grant"}`))
		return
	}
	now := p.now()
	claims := map[string]any{"iss": p.srv.URL, "aud": "turnike", "sub": "1234", "iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(),
		"auth_time": now.Unix(), "nonce": asked.Get("nonce")}
	for k, v := range p.claims {
		claims[k] = v
	}
	key := p.key
	switch p.wrong {
	case "key":
		key, _ = rsa.GenerateKey(rand.Reader, 2048)
	case "nonce":
		claims["nonce"] = "another"
	case "audience":
		claims["aud"] = "somebody else"
	case "issuer":
		claims["iss"] = "https://elsewhere.example"
	case "expired":
		claims["exp"] = now.Add(-time.Minute).Unix()
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: key}, (&jose.SignerOptions{}).WithHeader("kid", "1"))
	if err != nil {
		p.t.Error(err)
	}
	id, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		p.t.Error(err)
	}
	p.json(w, map[string]any{"access_token": "x", "token_type": "Bearer", "expires_in": 300, "id_token": id})
}

// outsideHouse is a house whose İZSU signs in by a provider of its own.
func outsideHouse(t *testing.T) (*house, *idp) {
	t.Helper()
	h := newHouse(t)
	p := newIDP(t, h.clock.now)
	pages, err := staff.New(staff.Config{Access: h.Access, Accounts: h.Access, Now: h.clock.now,
		Providers: []staff.Provider{{Tenant: "izsu", Name: "İZSU", Issuer: p.srv.URL, ClientID: "turnike", Secret: "geheim", Claim: "sicil"}}})
	if err != nil {
		t.Fatal(err)
	}
	h.srv.Close()
	h.serve(pages)
	return h, p
}

// trip goes to the provider and back, and gives the answer to the return.
func (h *house) trip(c *http.Client, next string) answer {
	h.t.Helper()
	a := h.get(c, "/staff/sign-in/outside/izsu?next="+url.QueryEscape(next))
	if a.status != http.StatusSeeOther {
		h.t.Fatalf("sent to the provider: got %d\n%s", a.status, a.body)
	}
	r, err := http.NewRequestWithContext(h.t.Context(), "GET", a.location, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	back := h.do(c, r)
	return h.get(c, strings.TrimPrefix(back.location, h.srv.URL))
}

func TestOutside(t *testing.T) {
	h, p := outsideHouse(t)
	h.want("the way is offered", h.get(stafftest.Browser(t, h.srv), "/staff/sign-in"), 200, say("staff.sign_in.outside", "Name", "İZSU"))
	p.claims = map[string]any{"sicil": "482913", "name": "Zeynep Öz"}
	c := stafftest.Browser(t, h.srv)
	h.want("not invited", h.trip(c, "/staff/"), 403, say("fault.staff.outside_unknown"))

	if _, err := h.Access.InviteBy(t.Context(), audit.System("test"), access.Invitation{City: "izsu", Role: access.Manager, Outside: "482913"}); err != nil {
		t.Fatal(err)
	}
	h.wantGo("invited", h.trip(c, "/staff/account"), "/staff/account")
	h.want("in", h.get(c, "/staff/account"), 200, "Zeynep Öz")
	if p.asked.Get("nonce") == "" || p.asked.Get("state") == "" || p.asked.Get("code_challenge_method") != "S256" {
		t.Errorf("asked with %v, want state, nonce and PKCE", p.asked)
	}
	other := stafftest.Browser(t, h.srv)
	h.wantGo("again, with the account", h.trip(other, "/staff/"), "/staff/")

	// The same claim of another's provider is nobody here: it is İZSU's alone.
	p.claims["sicil"] = "999999"
	h.want("another number", h.trip(stafftest.Browser(t, h.srv), "/staff/"), 403, say("fault.staff.outside_unknown"))
	p.claims["sicil"] = 482913
	h.want("a claim that is no text", h.trip(stafftest.Browser(t, h.srv), "/staff/"), 403, say("fault.staff.outside_unknown"))
	p.claims["sicil"] = "482913"

	for _, wrong := range []string{"key", "nonce", "audience", "issuer", "expired"} {
		p.wrong = wrong
		c := stafftest.Browser(t, h.srv)
		h.want("a wrong "+wrong, h.trip(c, "/staff/"), 403, say("fault.staff.outside_refused"))
		h.wantGo("and stays out", h.get(c, "/staff/account"), "/staff/sign-in?next=%2Fstaff%2Faccount")
	}
	p.wrong = ""
}

// TestOutsideNotMine: an answer that another browser's trip began is none, nor
// one told twice.
func TestOutsideNotMine(t *testing.T) {
	h, p := outsideHouse(t)
	p.claims = map[string]any{"sicil": "482913", "name": "Zeynep Öz"}
	if _, err := h.Access.InviteBy(t.Context(), audit.System("test"), access.Invitation{City: "izsu", Role: access.Manager, Outside: "482913"}); err != nil {
		t.Fatal(err)
	}
	mine, victim := stafftest.Browser(t, h.srv), stafftest.Browser(t, h.srv)
	a := h.get(mine, "/staff/sign-in/outside/izsu")
	r, err := http.NewRequestWithContext(t.Context(), "GET", a.location, nil)
	if err != nil {
		t.Fatal(err)
	}
	back := strings.TrimPrefix(h.do(mine, r).location, h.srv.URL)
	h.want("in a browser that never left", h.get(victim, back), 410, say("fault.staff.lapsed"))
	_ = h.get(victim, "/staff/sign-in/outside/izsu")
	h.want("in a browser on another trip", h.get(victim, back), 410, say("fault.staff.lapsed"))
	h.wantGo("in its own", h.get(mine, back), "/staff/")
	h.want("a second time", h.get(mine, back), 410, say("fault.staff.lapsed"))
	late := stafftest.Browser(t, h.srv)
	a = h.get(late, "/staff/sign-in/outside/izsu")
	if r, err = http.NewRequestWithContext(t.Context(), "GET", a.location, nil); err != nil {
		t.Fatal(err)
	}
	back = strings.TrimPrefix(h.do(late, r).location, h.srv.URL)
	h.clock.pass(11 * time.Minute)
	h.want("too late", h.get(late, back), 410, say("fault.staff.lapsed"))
	h.want("no such tenant", h.get(late, "/staff/sign-in/outside/izmir"), 404, "")
}

// TestOutsideAgain: who signs in at the city's own proves themselves there, and
// an old sign-in there is no proof.
func TestOutsideAgain(t *testing.T) {
	h, p := outsideHouse(t)
	p.claims = map[string]any{"sicil": "482913", "name": "Zeynep Öz"}
	if _, err := h.Access.InviteBy(t.Context(), audit.System("test"), access.Invitation{City: "izsu", Role: access.Manager, Outside: "482913"}); err != nil {
		t.Fatal(err)
	}
	c := stafftest.Browser(t, h.srv)
	h.wantGo("in", h.trip(c, "/staff/"), "/staff/")
	h.clock.pass(access.StepUp)
	const path = "/staff/izsu/centre/konak/mass"
	h.want("asked again", h.post(c, path, "why", "x"), 200, say("staff.sign_in.outside", "Name", "İZSU"))
	p.claims["auth_time"] = h.clock.now().Add(-time.Hour).Unix()
	h.want("an old sign-in", h.trip(c, "/staff/account"), 403, say("fault.staff.outside_refused"))
	h.want("still asked", h.post(c, path, "why", "x"), 200, say("staff.again.title"))
	delete(p.claims, "auth_time")
	h.wantGo("a new one", h.trip(c, "/staff/account"), "/staff/account")
	if p.asked.Get("prompt") != "login" {
		t.Errorf("asked with prompt=%q, want login", p.asked.Get("prompt"))
	}
	h.want("now done", h.post(c, path, "why", "x"), 200, "done by Zeynep Öz")
}
