package app_test

import (
	"bytes"
	"compress/zlib"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"turnike/internal/publish"
	"turnike/statuslist"
)

// TestTokenStatusList reads the list in the form other people's software
// knows, in both media types.
func TestTokenStatusList(t *testing.T) {
	w := newWorld(t)
	if err := w.app.Publish(context.Background(), "gaziantep"); err != nil {
		t.Fatal(err)
	}
	secret, err := os.ReadFile(filepath.Join(w.cfg.Keys, "list", "gaziantep", publish.SecretFile))
	if err != nil {
		t.Fatal(err)
	}
	bearer := "Bearer " + publish.Bearer(secret)
	get := func(city, accept string) (*http.Response, []byte) {
		t.Helper()
		req, err := http.NewRequest(http.MethodGet, w.site+"/lists/"+city+"/token-status-list", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Accept", accept)
		req.Header.Set("Authorization", bearer)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp, body
	}
	resp, jwt := get("gaziantep", statuslist.TokenListJWT)
	if got := resp.Header.Get("Content-Type"); resp.StatusCode != http.StatusOK || got != statuslist.TokenListJWT {
		t.Fatalf("jwt: got %d %s, want 200 %s", resp.StatusCode, got, statuslist.TokenListJWT)
	}
	parts := strings.Split(string(jwt), ".")
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims struct {
		Sub  string
		List struct {
			Bits int
			Lst  string
		} `json:"status_list"`
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	packed, err := base64.RawURLEncoding.DecodeString(claims.List.Lst)
	if err != nil {
		t.Fatal(err)
	}
	z, err := zlib.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	bits, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	h, _ := w.app.Head("gaziantep")
	if want := (int(h.Cards) + 3) / 4; claims.List.Bits != 2 || len(bits) != want {
		t.Errorf("got %d bits, %d bytes, want 2 and %d", claims.List.Bits, len(bits), want)
	}
	if !strings.HasSuffix(claims.Sub, "/lists/gaziantep/token-status-list") {
		t.Errorf("sub: got %q", claims.Sub)
	}
	resp, cwt := get("gaziantep", statuslist.TokenListCWT)
	if got := resp.Header.Get("Content-Type"); got != statuslist.TokenListCWT || len(cwt) == 0 || cwt[0] != 0xd2 {
		t.Errorf("cwt: got %s, %d bytes", got, len(cwt))
	}
	for _, wrong := range []string{"", "Bearer ", "Bearer " + strings.Repeat("0", 64)} {
		good := bearer
		bearer = wrong
		if resp, body := get("gaziantep", statuslist.TokenListJWT); resp.StatusCode != http.StatusUnauthorized || bytes.Contains(body, []byte("ey")) {
			t.Errorf("a sealed city, asked with %q: got %d %q, want 401 and nothing", wrong, resp.StatusCode, body)
		}
		bearer = good
	}
	if resp, _ := get("nowhere", "*/*"); resp.StatusCode != http.StatusNotFound {
		t.Errorf("an unknown city: got %d, want 404", resp.StatusCode)
	}
}
