package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"turnike/internal/access"
	"turnike/internal/app"
)

// TestUserCommands invites, lists and retires beside each other, as somebody
// does who has a shell on the server.
func TestUserCommands(t *testing.T) {
	ctx := t.Context()
	data := filepath.Join(t.TempDir(), "data")
	if err := os.MkdirAll(data, 0o700); err != nil {
		t.Fatal(err)
	}
	do := func(v any, args ...string) error {
		t.Helper()
		var out bytes.Buffer
		err := run(ctx, append(args, "--data", data), &out, &out)
		if err == nil && v != nil {
			if jerr := json.Unmarshal(out.Bytes(), v); jerr != nil {
				t.Fatalf("turnike %s: %v in %s", strings.Join(args, " "), jerr, &out)
			}
		}
		return err
	}
	if err := do(nil, "migrate"); err != nil {
		t.Fatal(err)
	}
	var in invitation
	if err := do(&in, "user", "invite", "--role", "clerk", "--city", "izsu", "--centre", "konak", "--site", "https://kart.example/", "--json"); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(in.Link, "https://kart.example/invite/izsu.") {
		t.Errorf("got the link %q", in.Link)
	}
	for _, bad := range [][]string{
		{"user", "invite", "--role", "clerk", "--city", "nowhere"},
		{"user", "invite", "--role", "clerk", "--city", "izsu", "--centre", "nowhere"},
		{"user", "invite", "--role", "clerk", "--city", "*"},
		{"user", "invite", "--role", "root"},
		{"user", "retire", "--city", "izsu", "nobody"},
	} {
		if err := do(nil, bad...); err == nil {
			t.Errorf("turnike %s: got no error", strings.Join(bad, " "))
		}
	}
	// Somebody follows the link, by the same code the pages use.
	svc, done, err := app.OpenAccess(ctx, app.Config{Data: data})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := svc.InviteBy(ctx, access.Machine().Actor(), access.Invitation{City: "izsu", Role: access.Clerk, Outside: "1"}); err != nil {
		t.Fatal(err)
	}
	if _, err := svc.Outside(ctx, "izsu", "1", "Deniz Kaya"); err != nil {
		t.Fatal(err)
	}
	if err := done(); err != nil {
		t.Fatal(err)
	}
	var all []member
	if err := do(&all, "user", "list", "--json"); err != nil {
		t.Fatal(err)
	}
	if len(all) != 1 || all[0].Name != "Deniz Kaya" || all[0].City != "izsu" || all[0].Left {
		t.Fatalf("got %+v, want the one clerk", all)
	}
	if err := do(nil, "user", "retire", "--city", "izsu", all[0].ID); err != nil {
		t.Fatal(err)
	}
	if err := do(&all, "user", "list", "--city", "izsu", "--json"); err != nil || !all[0].Left {
		t.Errorf("got %+v, %v; want a leaver", all, err)
	}
}
