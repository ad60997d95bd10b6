package sms

import (
	"errors"
	"testing"

	"turnike/internal/peer"
)

// FuzzReadAnswers: whatever a gateway says, the readers give a reference or an
// error, never both and never neither, and no text of the answer gets into it.
func FuzzReadAnswers(f *testing.F) {
	for _, s := range []string{`{"code":"00","jobid":"17"}`, `{"code":30}`, `00 123`, `30`, `20210`, `DOUBLE_SEND_ERROR`,
		`{"response":{"status":{"code":200},"order":{"id":5}}}`, `{"response":{"status":{"code":"451"}}}`, `<html>`, ``} {
		f.Add(200, []byte(s))
		f.Add(400, []byte(s))
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		a := peer.Answer{Status: status, Body: body}
		for name, read := range map[string]func(peer.Answer) (string, error){
			"netgsm":       func(a peer.Answer) (string, error) { return readNetgsmREST(a, netgsmInfo) },
			"netgsm-xml":   func(a peer.Answer) (string, error) { return readNetgsmText(a, netgsmOTP) },
			"verimor":      readVerimor,
			"iletimerkezi": readIletiMerkezi,
		} {
			ref, err := read(a)
			if (ref == "") == (err == nil) {
				t.Errorf("%s: %d %q: reference %q, error %v", name, status, body, ref, err)
			}
			if err != nil && len(err.Error()) > 200 {
				t.Errorf("%s: error quotes the answer: %v", name, err)
			}
			if err == nil && status != 200 {
				t.Errorf("%s: status %d taken for success", name, status)
			}
		}
	})
}

func TestGatewayWords(t *testing.T) {
	for _, tt := range []struct {
		name   string
		read   func(peer.Answer) (string, error)
		status int
		body   string
		want   error
	}{
		{"netgsm text", func(a peer.Answer) (string, error) { return readNetgsmREST(a, netgsmInfo) }, 406, `{"code":"20"}`, ErrText},
		{"netgsm password", func(a peer.Answer) (string, error) { return readNetgsmREST(a, netgsmInfo) }, 406, `{"code":"30"}`, ErrAccount},
		{"netgsm header", func(a peer.Answer) (string, error) { return readNetgsmREST(a, netgsmInfo) }, 406, `{"code":"40"}`, ErrHeader},
		{"netgsm consent", func(a peer.Answer) (string, error) { return readNetgsmREST(a, netgsmCommercial) }, 406, `{"code":"51"}`, ErrConsent},
		{"netgsm otp number", func(a peer.Answer) (string, error) { return readNetgsmREST(a, netgsmOTP) }, 406, `{"code":"52"}`, ErrNumber},
		{"netgsm otp credit", func(a peer.Answer) (string, error) { return readNetgsmREST(a, netgsmOTP) }, 406, `{"code":"60"}`, ErrAccount},
		{"netgsm too often", func(a peer.Answer) (string, error) { return readNetgsmREST(a, netgsmInfo) }, 406, `{"code":"85"}`, ErrBusy},
		{"netgsm parameter", func(a peer.Answer) (string, error) { return readNetgsmREST(a, netgsmInfo) }, 406, `{"code":"70"}`, ErrGateway},
		{"netgsm ill", func(a peer.Answer) (string, error) { return readNetgsmREST(a, netgsmInfo) }, 406, `{"code":100}`, ErrGateway},
		{"netgsm 200 unread", func(a peer.Answer) (string, error) { return readNetgsmREST(a, netgsmInfo) }, 200, `{`, ErrUnsure},
		{"netgsm xml busy", func(a peer.Answer) (string, error) { return readNetgsmText(a, netgsmInfo) }, 200, "80", ErrBusy},
		{"verimor credit", readVerimor, 400, "INSUFFICIENT_CREDITS", ErrAccount},
		{"verimor header", readVerimor, 400, "INVALID_SOURCE_ADDRESS", ErrHeader},
		{"verimor forbidden", readVerimor, 400, "FORBIDDEN_MESSAGE", ErrText},
		{"verimor address list", readVerimor, 401, "Hesabınızda izinli IP ayarları yapılmamış", ErrAccount},
		{"verimor too large", readVerimor, 413, "", ErrBusy},
		{"verimor unknown word", readVerimor, 400, "WHATEVER", ErrGateway},
		{"iletimerkezi repeat", readIletiMerkezi, 451, `{"response":{"status":{"code":"451","message":"x"}}}`, ErrRepeated},
		{"iletimerkezi credit", readIletiMerkezi, 402, `{"response":{"status":{"code":402}}}`, ErrAccount},
		{"iletimerkezi number as id", readIletiMerkezi, 200, `{"response":{"status":{"code":200},"order":{"id":12323232}}}`, nil},
	} {
		if ref, err := tt.read(peer.Answer{Status: tt.status, Body: []byte(tt.body)}); !errors.Is(err, tt.want) || err == nil && ref == "" {
			t.Errorf("%s: got %q, %v; want %v", tt.name, ref, err, tt.want)
		}
	}
}
