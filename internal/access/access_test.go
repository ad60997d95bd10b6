package access_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"turnike/internal/access"
	"turnike/internal/audit"
	"turnike/internal/city"
	"turnike/internal/storage"
	"turnike/internal/storage/sqlstore"
	"turnike/internal/vault"
)

// world is the service over a real database, with a clock that tests move.
type world struct {
	*access.Service
	t     *testing.T
	store *sqlstore.Store
	mu    sync.Mutex
	now   time.Time
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, now: time.Date(2021, 1, 12, 9, 0, 0, 0, time.UTC)}
	dir := t.TempDir()
	var err error
	if w.store, err = storage.Open(t.Context(), "sqlite:"+filepath.Join(dir, "rows.db"), true); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.store.Close() })
	keys, err := vault.Open(t.Context(), vault.Config{Dir: filepath.Join(dir, "keys"), Stock: 20, Now: w.clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { keys.Close() })
	tenants := []access.Tenant{
		{ID: "izsu", Name: city.Text{"tr": "İZSU"}, Centres: []access.Place{{ID: "konak", Name: "Konak"}, {ID: "bornova", Name: "Bornova"}}},
		{ID: "izmir-desks", Name: city.Text{"tr": "İzmir"}, Centres: []access.Place{{ID: "halkapinar", Name: "Halkapınar"}}},
	}
	w.Service = access.New(access.Config{Store: sqlstore.As[access.Tx](w.store), Keys: keys, Now: w.clock,
		Tenants: func() []access.Tenant { return tenants }})
	return w
}

func (w *world) clock() time.Time { w.mu.Lock(); defer w.mu.Unlock(); return w.now }
func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// member is somebody who works here, with all they sign in with.
type member struct {
	access.In
	login, password, secret string
}

const goodPassword = "dört yaprakli yonca 7"

func (w *world) code(m member) string {
	w.t.Helper()
	c, err := totp.GenerateCode(m.secret, w.clock())
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

func (w *world) invite(in access.Invitation) string {
	w.t.Helper()
	token, err := w.InviteBy(w.t.Context(), audit.System("test"), in)
	if err != nil {
		w.t.Fatal(err)
	}
	return token
}

func (w *world) join(login string, in access.Invitation) member {
	w.t.Helper()
	token := w.invite(in)
	d, err := w.Draft(w.t.Context(), token, access.Newcomer{Name: "Ayşe Kaya", Login: login, Phone: "0532 123 45 67", Password: goodPassword})
	if err != nil {
		w.t.Fatal(err)
	}
	m := member{login: login, password: goodPassword, secret: d.Secret}
	if m.In, err = w.Accept(w.t.Context(), token, d.State, w.code(m)); err != nil {
		w.t.Fatal(err)
	}
	return m
}

func (w *world) session(token string) (access.Session, bool) {
	w.t.Helper()
	se, ok, err := w.Session(w.t.Context(), token)
	if err != nil {
		w.t.Fatal(err)
	}
	return se, ok
}

func (w *world) must(token string) access.Session {
	w.t.Helper()
	se, ok := w.session(token)
	if !ok {
		w.t.Fatal("got nobody for a session that should stand")
	}
	return se
}

// audited are the actions in a tenant's audit, oldest first, with results.
func (w *world) audited(city string) []string {
	w.t.Helper()
	var all []string
	err := w.store.View(w.t.Context(), func(tx *sqlstore.Tx) error {
		rows, err := tx.AuditPage(w.t.Context(), city, "", 1000)
		for _, e := range rows {
			all = append(all, e.Action+" "+e.Result)
		}
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return all
}

func is(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: got %v, want %v", what, err, want)
	}
}

func TestMatrix(t *testing.T) {
	// Who reads visitors does not administer; who audits changes nothing.
	for _, r := range access.Roles() {
		if r.May(access.ReadPerson) && r.May(access.Accounts) {
			t.Errorf("%s reads persons and gives out accounts, want those apart", r)
		}
		if r.May(access.ReadAudit) && r.May(access.Plan) {
			t.Errorf("%s plans and audits, want those apart", r)
		}
		if !r.May(access.Own) {
			t.Errorf("%s may not open an account of their own", r)
		}
	}
	for _, a := range access.Actions() {
		any := false
		for _, r := range access.Roles() {
			any = any || r.May(a)
		}
		if !any {
			t.Errorf("nobody may %s", a)
		}
		if access.Role("").May(a) || access.Role("root").May(a) {
			t.Errorf("an unknown role may %s", a)
		}
	}
}

func TestSessionMay(t *testing.T) {
	clerk := access.Session{City: "izsu", Role: access.Clerk, Centres: []string{"konak"}}
	all := access.Session{City: access.Everywhere, Role: access.Administrator}
	for _, c := range []struct {
		se           access.Session
		a            access.Action
		city, centre string
		want         bool
	}{
		{clerk, access.Queue, "izsu", "konak", true},
		{clerk, access.Queue, "izsu", "bornova", false},
		{clerk, access.Queue, "izsu", "", true},
		{clerk, access.Queue, "izmir-desks", "konak", false},
		{clerk, access.Queue, "*", "", false},
		{clerk, access.Plan, "izsu", "konak", false},
		{all, access.Accounts, "izsu", "", true},
		{all, access.Accounts, "*", "", true},
		{all, access.ReadPerson, "izsu", "konak", false},
		{all, access.Accounts, "", "", false},
	} {
		if got := c.se.May(c.a, c.city, c.centre); got != c.want {
			t.Errorf("%s of %q may %s in %q/%q: got %t, want %t", c.se.Role, c.se.City, c.a, c.city, c.centre, got, c.want)
		}
	}
}

// TestFirst: one link while nobody runs the installation, none afterwards; a
// newer one ends the older.
func TestFirst(t *testing.T) {
	w := newWorld(t)
	first, err := w.First(t.Context())
	if err != nil || first == "" {
		t.Fatalf("got %q, %v; want a link", first, err)
	}
	second, err := w.First(t.Context())
	if err != nil || second == "" || second == first {
		t.Fatalf("got %q, %v; want another link", second, err)
	}
	_, err = w.Offer(t.Context(), first)
	is(t, "the older link", err, access.ErrInvite)
	d, err := w.Draft(t.Context(), second, access.Newcomer{Name: "Ali Demir", Login: "ali", Password: goodPassword})
	if err != nil {
		t.Fatal(err)
	}
	code, _ := totp.GenerateCode(d.Secret, w.clock())
	in, err := w.Accept(t.Context(), second, d.State, code)
	if err != nil {
		t.Fatal(err)
	}
	if se := w.must(in.Token); se.City != access.Everywhere || se.Role != access.Administrator {
		t.Errorf("got %+v, want an administrator of everything", se)
	}
	if again, err := w.First(t.Context()); err != nil || again != "" {
		t.Errorf("with an administrator: got %q, %v; want none", again, err)
	}
	is(t, "the last administrator leaves", w.Retire(t.Context(), w.must(in.Token), access.Everywhere, w.must(in.Token).Account), access.ErrLast)
}

func TestInvitation(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	token := w.invite(access.Invitation{City: "izsu", Role: access.Clerk, Centres: []string{"konak"}})
	if strings.Contains(token, "konak") || strings.Contains(token, "clerk") {
		t.Errorf("the link says something: %s", token)
	}
	for _, c := range []struct {
		name string
		n    access.Newcomer
		want error
	}{
		{"no name", access.Newcomer{Login: "ayse", Password: goodPassword}, nil},
		{"short", access.Newcomer{Name: "Ayşe", Login: "ayse", Password: "onbirharf11"}, access.ErrPasswordShort},
		{"common", access.Newcomer{Name: "Ayşe", Login: "ayse", Password: "turnike2021!"}, access.ErrPasswordCommon},
		{"own name", access.Newcomer{Name: "Ayşe", Login: "aysekaya", Password: "aysekaya1234"}, access.ErrPasswordCommon},
		{"runs", access.Newcomer{Name: "Ayşe", Login: "ayse", Password: "abcdefghijklm"}, access.ErrPasswordCommon},
		{"few letters", access.Newcomer{Name: "Ayşe", Login: "ayse", Password: "ababababababab"}, access.ErrPasswordCommon},
		{"huge", access.Newcomer{Name: "Ayşe", Login: "ayse", Password: strings.Repeat("uzun bir parola ", 30)}, access.ErrPasswordLong},
		{"login", access.Newcomer{Name: "Ayşe", Login: "ay şe", Password: goodPassword}, access.ErrLoginShape},
	} {
		_, err := w.Draft(ctx, token, c.n)
		if err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, err, c.want)
		}
	}
	// Twelve letters without rules of composition are enough.
	d, err := w.Draft(ctx, token, access.Newcomer{Name: "Ayşe Kaya", Login: "AYSE", Password: "mavi kedi uc"})
	if err != nil {
		t.Fatal(err)
	}
	m := member{secret: d.Secret}
	_, err = w.Accept(ctx, token, d.State, "000000")
	is(t, "a wrong first code", err, access.ErrCode)
	_, err = w.Accept(ctx, w.invite(access.Invitation{City: "izsu", Role: access.Manager}), d.State, w.code(m))
	is(t, "another invitation's draft", err, access.ErrLapsed)
	m.In, err = w.Accept(ctx, token, d.State, w.code(m))
	if err != nil {
		t.Fatal(err)
	}
	se := w.must(m.Token)
	if se.City != "izsu" || se.Role != access.Clerk || len(se.Centres) != 1 || se.Centres[0] != "konak" || se.Name != "Ayşe Kaya" {
		t.Errorf("got %+v, want a clerk at Konak", se)
	}
	if len(m.Recovery) != 10 {
		t.Errorf("got %d recovery codes, want 10", len(m.Recovery))
	}
	_, err = w.Accept(ctx, token, d.State, w.code(m))
	is(t, "the link a second time", err, access.ErrInvite)

	_, err = w.Draft(ctx, w.invite(access.Invitation{City: "izmir-desks", Role: access.Clerk}), access.Newcomer{Name: "Ayşe", Login: "ayse", Password: goodPassword})
	is(t, "a user name of another tenant's", err, access.ErrTaken)

	old := w.invite(access.Invitation{City: "izsu", Role: access.Clerk})
	w.pass(access.InviteLife)
	_, err = w.Offer(ctx, old)
	is(t, "after 72 hours", err, access.ErrInvite)
	for _, bad := range []string{"", ".", "izsu.", "izsu.short", strings.Repeat("x", 4000), "_." + strings.Repeat("a", 32)} {
		_, err := w.Offer(ctx, bad)
		is(t, fmt.Sprintf("token %.20q", bad), err, access.ErrInvite)
	}
}

// TestInviteWithin: an administrator of one tenant invites for no other.
func TestInviteWithin(t *testing.T) {
	w := newWorld(t)
	admin := w.must(w.join("yonetici", access.Invitation{City: "izsu", Role: access.Administrator}).Token)
	clerk := w.must(w.join("gise", access.Invitation{City: "izsu", Role: access.Clerk}).Token)
	for _, c := range []struct {
		name string
		se   access.Session
		in   access.Invitation
		want error
	}{
		{"own tenant", admin, access.Invitation{City: "izsu", Role: access.Manager, Centres: []string{"konak"}}, nil},
		{"another tenant", admin, access.Invitation{City: "izmir-desks", Role: access.Clerk}, access.ErrUnknown},
		{"the installation", admin, access.Invitation{City: access.Everywhere, Role: access.Administrator}, access.ErrUnknown},
		{"a clerk", clerk, access.Invitation{City: "izsu", Role: access.Clerk}, access.ErrUnknown},
		{"no such role", admin, access.Invitation{City: "izsu", Role: "root"}, access.ErrRole},
		{"no such centre", admin, access.Invitation{City: "izsu", Role: access.Clerk, Centres: []string{"halkapinar"}}, access.ErrCentre},
	} {
		_, err := w.Invite(t.Context(), c.se, c.in)
		is(t, c.name, err, c.want)
	}
}

func TestSignIn(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	m := w.join("ayse@izsu", access.Invitation{City: "izsu", Role: access.Clerk})
	_, err := w.Password(ctx, "ayse@izsu", "wrong password", "")
	is(t, "a wrong password", err, access.ErrWrong)
	_, err = w.Password(ctx, "nobody", goodPassword, "")
	is(t, "an unknown name", err, access.ErrWrong)

	w.pass(time.Minute)
	half, err := w.Password(ctx, " AYSE@izsu", goodPassword, "")
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Code(ctx, half, "123456")
	is(t, "a wrong code", err, access.ErrCode)
	code := w.code(m)
	in, err := w.Code(ctx, half, code[:3]+" "+code[3:])
	if err != nil {
		t.Fatal(err)
	}
	if in.Token == m.Token {
		t.Error("the session's token is the old one, want a new one at each sign-in")
	}
	_, err = w.Code(ctx, half, code)
	is(t, "the same code again", err, access.ErrCode)

	// A recovery code works once.
	half, err = w.Password(ctx, "ayse@izsu", goodPassword, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err = w.Code(ctx, half, strings.ToUpper(m.Recovery[3])); err != nil {
		t.Errorf("a recovery code: %v", err)
	}
	_, err = w.Code(ctx, half, m.Recovery[3])
	is(t, "a recovery code twice", err, access.ErrCode)

	w.pass(5 * time.Minute)
	_, err = w.Code(ctx, half, w.code(m))
	is(t, "five minutes later", err, access.ErrLapsed)

	// Every try is written down, with how it ended.
	got := strings.Join(w.audited("izsu"), ", ")
	for _, want := range []string{"staff.invite ok", "staff.accept ok", "staff.sign_in ok", "staff.sign_in staff.wrong"} {
		if !strings.Contains(got, want) {
			t.Errorf("audit lacks %q: %s", want, got)
		}
	}
}

// TestGuesser: a hundred tries from a strange browser, also all at once, get a
// handful of answers and lock nobody out who has signed in here before.
func TestGuesser(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	m := w.join("ayse", access.Invitation{City: "izsu", Role: access.Clerk})
	half, err := w.Password(ctx, "ayse", goodPassword, "")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 30 {
		wg.Go(func() { _, _ = w.Code(ctx, half, fmt.Sprintf("%06d", i)) })
	}
	wg.Wait()
	w.pass(time.Second)
	if _, err := w.Code(ctx, half, w.code(m)); !errors.Is(err, access.ErrCode) {
		t.Errorf("the right code after thirty wrong ones: got %v, want it refused until later", err)
	}
	_, err = w.Password(ctx, "ayse", goodPassword, "")
	is(t, "a stranger with the right password", err, access.ErrWrong)
	if _, err := w.Password(ctx, "ayse", goodPassword, m.Known); err != nil {
		t.Errorf("their own browser: got %v, want it let in", err)
	}
	_, err = w.Password(ctx, "ayse", goodPassword, strings.Repeat("0", 32))
	is(t, "a made-up mark", err, access.ErrWrong)
	w.pass(15 * time.Minute)
	if _, err := w.Password(ctx, "ayse", goodPassword, ""); err != nil {
		t.Errorf("a quarter of an hour later: %v", err)
	}
}

func TestSessionEnds(t *testing.T) {
	w := newWorld(t)
	clerk := w.join("gise", access.Invitation{City: "izsu", Role: access.Clerk})
	auditor := w.join("denetci", access.Invitation{City: "izsu", Role: access.Auditor})
	w.pass(access.IdleConsole)
	if _, ok := w.session(auditor.Token); ok {
		t.Error("a console left alone for half an hour is still open")
	}
	for i := range 8 { // a working day with a look each ninety minutes
		if _, ok := w.session(clerk.Token); !ok {
			t.Fatalf("after %v a counter in use is closed", time.Duration(i)*90*time.Minute)
		}
		w.pass(90 * time.Minute)
	}
	if _, ok := w.session(clerk.Token); ok {
		t.Error("after twelve hours a session is still open")
	}
	for _, bad := range []string{"", "x", "izsu." + strings.Repeat("a", 32), clerk.Token + "x", "bornova" + clerk.Token} {
		if _, ok := w.session(bad); ok {
			t.Errorf("token %.12q opens something", bad)
		}
	}
}

// TestLeaver: out at the next request, everywhere, for good.
func TestLeaver(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	admin := w.join("yonetici", access.Invitation{City: "izsu", Role: access.Administrator})
	clerk := w.join("gise", access.Invitation{City: "izsu", Role: access.Clerk})
	w.pass(time.Minute)
	half, err := w.Password(ctx, "gise", goodPassword, "")
	if err != nil {
		t.Fatal(err)
	}
	second, err := w.Code(ctx, half, w.code(clerk))
	if err != nil {
		t.Fatal(err)
	}
	if half, err = w.Password(ctx, "gise", goodPassword, ""); err != nil {
		t.Fatal(err)
	}
	boss, id := w.must(admin.Token), w.must(clerk.Token).Account
	if err := w.Retire(ctx, boss, "izsu", id); err != nil {
		t.Fatal(err)
	}
	for _, token := range []string{clerk.Token, second.Token} {
		if _, ok := w.session(token); ok {
			t.Error("a leaver's session is open")
		}
	}
	w.pass(time.Minute)
	_, err = w.Code(ctx, half, w.code(clerk))
	is(t, "a leaver half signed in", err, access.ErrCode)
	_, err = w.Password(ctx, "gise", goodPassword, clerk.Known)
	is(t, "a leaver's password", err, access.ErrWrong)
	is(t, "retire twice", w.Retire(ctx, boss, "izsu", id), access.ErrUnknown)
	people, _, err := w.People(ctx, boss, "izsu")
	if err != nil || len(people) != 2 {
		t.Fatalf("people: got %v, %v", people, err)
	}
	for _, p := range people {
		if p.ID == id && (!p.Left || p.Name != "Ayşe Kaya") {
			t.Errorf("got %+v, want the leaver's name kept", p)
		}
	}
	// The user name is free for somebody new.
	w.join("gise", access.Invitation{City: "izsu", Role: access.Clerk})
}

func TestRoleChangesAtOnce(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	boss := w.must(w.join("yonetici", access.Invitation{City: "izsu", Role: access.Administrator}).Token)
	m := w.join("gise", access.Invitation{City: "izsu", Role: access.Clerk})
	se := w.must(m.Token)
	if err := w.SetRole(ctx, boss, "izsu", se.Account, access.Manager, []string{"bornova"}); err != nil {
		t.Fatal(err)
	}
	if se = w.must(m.Token); se.Role != access.Manager || !se.May(access.Plan, "izsu", "bornova") || se.May(access.Plan, "izsu", "konak") {
		t.Errorf("got %+v, want a manager of Bornova alone", se)
	}
	is(t, "from another tenant", w.SetRole(ctx, boss, "izmir-desks", se.Account, access.Clerk, nil), access.ErrUnknown)
	is(t, "by a manager", w.SetRole(ctx, se, "izsu", se.Account, access.Administrator, nil), access.ErrUnknown)
}

// TestNewLink: somebody who lost everything gets in again, and what was lost
// opens nothing.
func TestNewLink(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	boss := w.must(w.join("yonetici", access.Invitation{City: "izsu", Role: access.Administrator}).Token)
	m := w.join("gise", access.Invitation{City: "izsu", Role: access.Clerk})
	id := w.must(m.Token).Account
	token, err := w.Invite(ctx, boss, access.Invitation{City: "izsu", Account: id})
	if err != nil {
		t.Fatal(err)
	}
	d, err := w.Draft(ctx, token, access.Newcomer{Password: "yepyeni bir parola"})
	if err != nil {
		t.Fatal(err)
	}
	if d.Login != "gise" || d.Secret == m.secret {
		t.Errorf("got login %q, same secret %t; want theirs and a new one", d.Login, d.Secret == m.secret)
	}
	in, err := w.Accept(ctx, token, d.State, w.code(member{secret: d.Secret}))
	if err != nil {
		t.Fatal(err)
	}
	if se := w.must(in.Token); se.Account != id || se.Name != "Ayşe Kaya" {
		t.Errorf("got %+v, want the same person", se)
	}
	if _, ok := w.session(m.Token); ok {
		t.Error("the old session is open")
	}
	w.pass(time.Hour)
	_, err = w.Password(ctx, "gise", goodPassword, m.Known)
	is(t, "the old password", err, access.ErrWrong)
}

func TestStepUp(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	m := w.join("mudur", access.Invitation{City: "izsu", Role: access.Manager})
	if !w.Fresh(w.must(m.Token)) {
		t.Error("just signed in: not fresh")
	}
	w.pass(access.StepUp)
	se := w.must(m.Token)
	if w.Fresh(se) {
		t.Error("five minutes later: still fresh")
	}
	is(t, "a wrong code", w.Again(ctx, se, "000000"), access.ErrCode)
	if err := w.Again(ctx, se, w.code(m)); err != nil {
		t.Fatal(err)
	}
	if !w.Fresh(w.must(m.Token)) {
		t.Error("after a step-up: not fresh")
	}
	is(t, "the same code again", w.Again(ctx, se, w.code(m)), access.ErrCode)
}

func TestDevices(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	boss := w.must(w.join("mudur", access.Invitation{City: "izsu", Role: access.Manager, Centres: []string{"konak"}}).Token)
	_, err := w.MakeDevice(ctx, boss, "izsu", "bornova", access.Kiosk, "kapi")
	is(t, "another's centre", err, access.ErrUnknown)
	_, err = w.MakeDevice(ctx, boss, "izsu", "konak", "gate", "kapi")
	is(t, "another kind", err, access.ErrDeviceKind)
	code, err := w.MakeDevice(ctx, boss, "izsu", "konak", access.Kiosk, " kapı  girişi ")
	if err != nil || len(code) != 8 {
		t.Fatalf("got %q, %v; want eight digits", code, err)
	}
	token, sc, err := w.Enrol(ctx, code[:4]+" "+code[4:])
	if err != nil || sc.City != "izsu" || sc.Centre != "konak" || sc.Kind != access.Kiosk || sc.Name != "kapı girişi" {
		t.Fatalf("got %+v, %v; want Konak's kiosk", sc, err)
	}
	_, _, err = w.Enrol(ctx, code)
	is(t, "a code twice", err, access.ErrDeviceCode)
	if _, ok, err := w.Screen(ctx, token); err != nil || !ok {
		t.Errorf("the screen: got %t, %v", ok, err)
	}
	if err := w.EndDevice(ctx, boss, "izsu", sc.ID); err != nil {
		t.Fatal(err)
	}
	if _, ok, _ := w.Screen(ctx, token); ok {
		t.Error("a screen sent away still works")
	}

	// Five wrong tries end a code; a quarter of an hour does too.
	code, _ = w.MakeDevice(ctx, boss, "izsu", "konak", access.Display, "salon")
	wrong := code[:2] + fmt.Sprintf("%06d", (atoi(code[2:])+1)%1_000_000)
	for range access.CodeTries {
		_, _, err = w.Enrol(ctx, wrong)
		is(t, "a wrong code", err, access.ErrDeviceCode)
	}
	_, _, err = w.Enrol(ctx, code)
	is(t, "the right one after five wrong", err, access.ErrDeviceCode)
	code, _ = w.MakeDevice(ctx, boss, "izsu", "konak", access.Display, "salon")
	w.pass(access.CodeLife)
	_, _, err = w.Enrol(ctx, code)
	is(t, "after a quarter of an hour", err, access.ErrDeviceCode)
	// Codes whose time is over make room: far more than there are picks.
	boss.Strong = w.clock()
	for i := range 130 {
		if _, err := w.MakeDevice(ctx, boss, "izsu", "konak", access.Display, "salon"); err != nil {
			t.Fatalf("code %d: %v", i, err)
		}
		w.pass(time.Minute)
	}
}

func atoi(s string) (n int) {
	for _, c := range s {
		n = n*10 + int(c-'0')
	}
	return n
}

// TestNothingInTheClear looks for what people typed in everything the
// database's file holds.
func TestNothingInTheClear(t *testing.T) {
	w := newWorld(t)
	m := w.join("gizlikullanici", access.Invitation{City: "izsu", Role: access.Clerk, Outside: "sicil-482913"})
	secret := strings.SplitN(m.Token, ".", 2)[1]
	rows, err := w.store.ReadDB().Query("SELECT city || ' ' || hex(id) || ' ' || role || ' ' || hex(sealed) || ' ' || hex(login_tag) FROM access_account UNION ALL SELECT hex(id) || hex(sealed) || how || desk FROM access_session UNION ALL SELECT hex(id) || hex(outside_tag) || actor FROM access_invite UNION ALL SELECT action || object || purpose || actor_ref FROM audit")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	n := 0
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			t.Fatal(err)
		}
		n++
		for _, x := range []string{"Ayşe Kaya", "gizlikullanici", "5321234567", "sicil-482913", secret, m.secret, m.Recovery[0]} {
			if strings.Contains(line, x) || strings.Contains(line, fmt.Sprintf("%X", x)) {
				t.Errorf("%q stands in the clear", x)
			}
		}
	}
	if n < 4 {
		t.Errorf("looked at %d rows, want the account, the session, the invitation and the audit", n)
	}
}
