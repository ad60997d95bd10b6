package hook

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

// errPrivate is given for an address inside: an endpoint's name may lead
// anywhere, and to another place each time it is looked up.
var errPrivate = errors.New("the address is in a private network")

// newClient makes a client that follows no redirect, asks no proxy, and unless
// told otherwise connects to public addresses alone. The address is looked at
// where the connection is made, after the name was looked up, so that a name
// that changes its mind in between gains nothing.
func newClient(private bool) *http.Client {
	d := &net.Dialer{Timeout: 5 * time.Second}
	if !private {
		d.Control = func(_, address string, _ syscall.RawConn) error {
			at, err := netip.ParseAddrPort(address)
			if err != nil || !public(at.Addr()) {
				return errPrivate
			}
			return nil
		}
	}
	return &http.Client{
		Transport: &http.Transport{
			DialContext: d.DialContext, TLSHandshakeTimeout: 5 * time.Second, ResponseHeaderTimeout: callFor,
			MaxIdleConnsPerHost: 2, IdleConnTimeout: 30 * time.Second, MaxResponseHeaderBytes: readMost,
			ForceAttemptHTTP2: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// inside are the ranges that are nobody's on the public net and that netip has
// no word for.
func inside() []netip.Prefix {
	var ps []netip.Prefix
	for _, p := range []string{
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15",
		"198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
		"64:ff9b:1::/48", "100::/64", "2001:db8::/32", "2001::/23", "2002::/16", "3fff::/20", "5f00::/16", "fec0::/10",
	} {
		ps = append(ps, netip.MustParsePrefix(p))
	}
	return ps
}

// public tells whether an address is one that anybody may call. One that
// carries another in it (::ffff:10.0.0.1, 64:ff9b::a00:1) is looked at as that.
func public(ip netip.Addr) bool {
	ip = ip.Unmap()
	if nat := netip.MustParsePrefix("64:ff9b::/96"); nat.Contains(ip) {
		b := ip.As16()
		ip = netip.AddrFrom4([4]byte(b[12:]))
	}
	if !ip.IsValid() || !ip.IsGlobalUnicast() || ip.IsPrivate() || ip.Zone() != "" {
		return false
	}
	for _, p := range inside() {
		if p.Contains(ip) {
			return false
		}
	}
	return true
}

// plainly is why a call failed, as the last part of a key in the catalogues:
// errors of the net name addresses of the inside.
func plainly(err error) string {
	var dns *net.DNSError
	switch {
	case errors.Is(err, errPrivate):
		return "private"
	case errors.As(err, &dns):
		return "name"
	case errors.Is(err, context.DeadlineExceeded):
		return "slow"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused"
	}
	return "broken"
}
