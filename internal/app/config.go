// Package app is where everything meets, once: it opens the store and the
// keys, reads the cities, connects the outside world, and serves pages, API,
// lists and counters. Reading New from top to bottom is the diagram.
package app

import (
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Config is an installation's configuration. The zero value serves the shipped
// cities from ./turnike-data on 127.0.0.1:8080 with an embedded database and
// no outside world.
type Config struct {
	Listen    string        `default:"127.0.0.1:8080" env:"TURNIKE_LISTEN" help:"Address of the public site, the API and the lists."`
	Admin     string        `default:"127.0.0.1:8081" env:"TURNIKE_ADMIN" help:"Address of /metrics; keep it inside. Empty: none."`
	Data      string        `default:"turnike-data" env:"TURNIKE_DATA" type:"path" help:"Folder of the embedded database and the published lists."`
	Keys      string        `env:"TURNIKE_KEYS" type:"path" help:"Folder of the keys; keep it and its backups apart from --data. Empty: DATA-keys beside it."`
	DB        string        `env:"TURNIKE_DB" help:"postgres://... for PostgreSQL; empty: a SQLite file in --data."`
	Cities    string        `env:"TURNIKE_CITIES" type:"path" help:"Folder of city files (*.toml). Empty: the cities that come with Turnike."`
	Centres   string        `env:"TURNIKE_CENTRES" type:"path" help:"Folder of files of networks of centres (*.toml) where visits are booked. Empty: izsu, the example that comes with Turnike."`
	Public    string        `env:"TURNIKE_PUBLIC" help:"How people reach the public site, for links in text messages: https://kart.example. Empty: the address listened on."`
	TLS       bool          `env:"TURNIKE_TLS" help:"People reach us over https (a proxy in front): cookies are then marked Secure."`
	Origins   []string      `env:"TURNIKE_ORIGINS" help:"Further origins that may post to us, for instance https://kart.example."`
	StaffOIDC string        `env:"TURNIKE_STAFF_OIDC" type:"path" help:"File of the cities' own sign-ins for staff (OpenID Connect); docs/administrator.md shows one."`
	Migrate   bool          `default:"true" negatable:"" env:"TURNIKE_MIGRATE" help:"Bring the database's schema up to date at start."`
	ListBeat  time.Duration `default:"10m" env:"TURNIKE_LIST_BEAT" help:"A sealed list changes at least this often, be it for nothing, and new stops wait for it or for company: nobody sees when somebody was stopped. 0: at once."`
	Drain     time.Duration `default:"20s" env:"TURNIKE_DRAIN" help:"How long requests under way may take to finish when we are told to stop."`
	LogJSON   bool          `env:"TURNIKE_LOG_JSON" help:"Write the log as JSON lines."`

	HES   HES   `embed:"" prefix:"hes-" envprefix:"TURNIKE_HES_"`
	NVI   NVI   `embed:"" prefix:"nvi-" envprefix:"TURNIKE_NVI_"`
	SMS   SMS   `embed:"" prefix:"sms-" envprefix:"TURNIKE_SMS_"`
	Hooks Hooks `embed:"" prefix:"hook-" envprefix:"TURNIKE_HOOK_"`
	// Interior is who takes reports of refused rides.
	Interior Interior `embed:"" prefix:"interior-" envprefix:"TURNIKE_INTERIOR_"`
	Limits   Limits   `embed:"" prefix:"limit-" envprefix:"TURNIKE_LIMIT_"`

	KeyPassphrase string `env:"TURNIKE_KEY_PASSPHRASE" help:"Opens the installation's key file where it is sealed by a passphrase. Give it by environment or file, not as a flag."`

	// Now and Log are for tests and the demo.
	Now func() time.Time `kong:"-"`
	Log *slog.Logger     `kong:"-"`
}

// HES is the account at the health ministry's institutional service.
type HES struct {
	URL      string        `env:"URL" help:"Address of the health ministry's institutional HES service. Empty: codes are not checked."`
	User     string        `env:"USER" help:"User of the institution."`
	Password string        `env:"PASSWORD" help:"Its password. Give it by environment or file."`
	Timeout  time.Duration `default:"5s" env:"TIMEOUT" help:"How long one question may take."`
}

// NVI is the identity register.
type NVI struct {
	URL     string        `env:"URL" help:"Address of the identity register (KPSPublic). Empty: names are not checked."`
	Timeout time.Duration `default:"5s" env:"TIMEOUT" help:"How long one question may take."`
}

// SMS is the account at a gateway.
type SMS struct {
	Driver   string `env:"DRIVER" help:"Gateway: netgsm, verimor, iletimerkezi, smpp. Empty: messages wait in the outbox."`
	URL      string `env:"URL" help:"Address of the gateway; empty: its own. SMPP: host:port."`
	User     string `env:"USER" help:"User at the gateway."`
	Password string `env:"PASSWORD" help:"Its password. Give it by environment or file."`
	Header   string `env:"HEADER" help:"Sender title (baslik) registered at the gateway."`
}

// Limits bound what one machine takes on.
type Limits struct {
	InFlight   int   `default:"512" env:"IN_FLIGHT" help:"Requests worked on at once; more are asked to come back in a moment."`
	DailyTexts int64 `default:"0" env:"DAILY_TEXTS" help:"Codes a city may send a day; 0 = no cap."`
}

// settle fills in what follows from the rest.
func (c *Config) settle() {
	if c.Listen == "" {
		c.Listen = "127.0.0.1:8080"
	}
	if c.Data == "" {
		c.Data = "turnike-data"
	}
	if c.Keys == "" {
		c.Keys = filepath.Clean(c.Data) + "-keys"
	}
	if c.DB == "" {
		c.DB = "sqlite:" + filepath.Join(c.Data, "turnike.db")
	}
	if c.Drain == 0 {
		c.Drain = 20 * time.Second
	}
	c.Public = strings.TrimSuffix(c.Public, "/")
	if c.Limits.InFlight == 0 {
		c.Limits.InFlight = 512
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		var h slog.Handler = slog.NewTextHandler(os.Stderr, nil)
		if c.LogJSON {
			h = slog.NewJSONHandler(os.Stderr, nil)
		}
		c.Log = slog.New(h)
	}
}

// check refuses what cannot work, each with what to do.
func (c *Config) check() error {
	for name, u := range map[string]string{"--hes-url": c.HES.URL, "--nvi-url": c.NVI.URL, "--public": c.Public} {
		if u == "" {
			continue
		}
		if p, err := url.Parse(u); err != nil || p.Host == "" || p.Scheme != "http" && p.Scheme != "https" {
			return fmt.Errorf("%s: not an http address; write for instance https://hesservis.turkiye.gov.tr/services/g2g/saglik/hes/", name)
		}
	}
	if c.HES.URL != "" && c.HES.User == "" {
		return fmt.Errorf("--hes-user: missing; the health ministry gives each institution a user")
	}
	return nil
}
