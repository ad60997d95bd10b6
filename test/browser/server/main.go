// Command server shows the style guide to the browser tests.
package main

import (
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"turnike/internal/web/assets"
	"turnike/internal/web/guide"
	"turnike/internal/web/httpx"
)

func main() {
	brand := flag.String("brand", "#0a5c8a", "city colour")
	flag.Parse()
	if err := run(*brand); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run prints the address it listens on, then serves until it is killed.
func run(brand string) error {
	theme, err := assets.NewTheme(brand)
	if err != nil {
		return err
	}
	site, err := httpx.New(httpx.Config{})
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle(assets.Prefix, assets.Handler(theme))
	mux.Handle("/guide/", site.Wrap(guide.Handler(site, "/guide/", theme)))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Printf("http://%s\n", l.Addr())
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	return srv.Serve(l)
}
