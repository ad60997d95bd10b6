package app

import (
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"turnike/internal/authority"
	"turnike/internal/city"
	"turnike/internal/person"
	"turnike/internal/report"
	"turnike/internal/storage/sqlstore"
)

// Interior is the account at the interior ministry, and the keys of whoever
// takes reports. A governor's own keys stand in the city file.
type Interior struct {
	URL        string        `env:"URL" help:"Address of the interior ministry's receiver. Empty: cities of the channel e-icisleri report nothing."`
	User       string        `env:"USER" help:"User of the institution."`
	Password   string        `env:"PASSWORD" help:"Its password. Give it by environment or file."`
	Recipient  string        `env:"RECIPIENT" help:"The receiver's public key to seal reports to (age1...)."`
	ReceiptKey string        `env:"RECEIPT_KEY" help:"The receiver's public key that signs receipts (Ed25519, base64)."`
	CA         string        `env:"CA" type:"path" help:"Certificates to know the receiver by (PEM). Empty: the system's."`
	Cert       string        `env:"CERT" type:"path" help:"Our certificate for it (PEM), with --interior-cert-key."`
	CertKey    string        `env:"CERT_KEY" type:"path" help:"The key of our certificate (PEM)."`
	Folder     string        `env:"FOLDER" type:"path" help:"Folder of the files for governors' offices. Empty: reports in --data."`
	Timeout    time.Duration `default:"5s" env:"TIMEOUT" help:"How long one call may take."`
}

// ReportsFolder is where files for governors' offices lie.
func (c *Config) ReportsFolder() string {
	if c.Interior.Folder != "" {
		return c.Interior.Folder
	}
	return filepath.Join(c.Data, "reports")
}

// Channels are the ways to the receivers of the cities that report. A city
// whose keys or address are not given has none, which missing names.
func (c *Config) Channels(cities city.Set) (channels map[string]report.Channel, missing map[string]string, err error) {
	channels, missing = map[string]report.Channel{}, map[string]string{}
	var client *http.Client
	for id, p := range cities {
		if p.Report.Channel == "" {
			continue
		}
		recipient, receipt := c.Interior.Recipient, c.Interior.ReceiptKey
		if p.Report.Channel == city.ReportGovernor {
			recipient, receipt = or(p.Report.Recipient, recipient), or(p.Report.ReceiptKey, receipt)
		}
		switch {
		case p.Report.Channel == city.ReportInterior && c.Interior.URL == "":
			missing[id] = "--interior-url"
			continue
		case recipient == "":
			missing[id] = "the receiver's key: --interior-recipient, or report.recipient in the city file"
			continue
		case receipt == "":
			missing[id] = "the key of receipts: --interior-receipt-key, or report.receipt_key in the city file"
			continue
		}
		key, err := base64.StdEncoding.DecodeString(receipt)
		if err != nil || len(key) != ed25519.PublicKeySize {
			return nil, nil, fmt.Errorf("%s: the key of receipts is not an Ed25519 public key in base64", id)
		}
		sign, err := authority.SigningKey(c.reportKey(id))
		if err != nil {
			return nil, nil, err
		}
		sealer, err := authority.NewSealer(recipient, sign)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", id, err)
		}
		if p.Report.Channel == city.ReportGovernor {
			channels[id] = &authority.Folder{Sealer: sealer, Dir: c.ReportsFolder(), Receipt: key, Zone: p.Location(), Hour: p.Report.FileHour}
			continue
		}
		if client == nil {
			if client, err = c.Interior.client(); err != nil {
				return nil, nil, err
			}
		}
		in, err := authority.NewInterior(authority.InteriorConfig{BaseURL: c.Interior.URL, User: c.Interior.User, Password: c.Interior.Password,
			Sealer: sealer, Receipt: key, Timeout: c.Interior.Timeout, Client: client})
		if err != nil {
			return nil, nil, err
		}
		channels[id] = authority.Direct{Interior: in}
	}
	return channels, missing, nil
}

// reportKey is where a city's signing key for reports lies.
func (c *Config) reportKey(id string) string { return filepath.Join(c.Keys, "report", id+".key") }

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// client is the ministry's transport: its own roots, our certificate.
func (i *Interior) client() (*http.Client, error) {
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if i.CA != "" {
		b, err := os.ReadFile(i.CA)
		if err != nil {
			return nil, fmt.Errorf("--interior-ca: %w", err)
		}
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(b) {
			return nil, errors.New("--interior-ca: no certificate in it")
		}
	}
	if (i.Cert == "") != (i.CertKey == "") {
		return nil, errors.New("--interior-cert and --interior-cert-key belong together")
	}
	if i.Cert != "" {
		pair, err := tls.LoadX509KeyPair(i.Cert, i.CertKey)
		if err != nil {
			return nil, fmt.Errorf("--interior-cert: %w", err)
		}
		conf.Certificates = []tls.Certificate{pair}
	}
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.TLSClientConfig, t.DisableCompression, t.MaxResponseHeaderBytes = conf, true, 64<<10
	return &http.Client{Transport: t}, nil
}

// NewReports makes the rules of reports over a store.
func NewReports(cfg *Config, store *sqlstore.Store, keys person.Keyring, cities city.Set, considered func(city string, why report.Why)) (*report.Service, error) {
	channels, missing, err := cfg.Channels(cities)
	if err != nil {
		return nil, fmt.Errorf("reports: %w", err)
	}
	var ids []string
	for id := range channels {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for id, what := range missing {
		cfg.Log.Info("this city reports nothing", "city", id, "missing", what)
	}
	return report.New(report.Config{
		Store: sqlstore.As[report.Tx](store), Keys: keys, Reporting: ids, Now: cfg.Now, Log: cfg.Log, Considered: considered,
		Cities:  func(id string) (*city.Profile, bool) { p, ok := cities[id]; return p, ok },
		Channel: func(id string) (report.Channel, bool) { c, ok := channels[id]; return c, ok },
	}), nil
}

// openReports makes ready what tells the interior ministry of refused rides.
func (a *App) openReports() (err error) {
	considered := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "turnike_attempts_considered_total", Help: "Taps refused because a stop held, by what was decided; why is empty where a report was made."}, []string{"city", "why"})
	a.metrics.reg.MustRegister(considered)
	a.reports, err = NewReports(&a.cfg, a.store, a.keys, a.cities, func(city string, why report.Why) { considered.WithLabelValues(city, string(why)).Inc() })
	if err != nil {
		return err
	}
	a.metrics.reg.MustRegister(reportGauge{
		a:     a,
		count: prometheus.NewDesc("turnike_reports", "Reports to the interior ministry by state.", []string{"city", "state"}, nil),
		due:   prometheus.NewDesc("turnike_report_overdue_seconds", "How long the oldest report, or withdrawal, has been due; alarm on a withdrawing one over 1800.", []string{"city", "state"}, nil),
	})
	return nil
}

// reportGauge counts reports when it is asked.
type reportGauge struct {
	a          *App
	count, due *prometheus.Desc
}

// Describe is part of prometheus.Collector.
func (g reportGauge) Describe(ch chan<- *prometheus.Desc) { ch <- g.count; ch <- g.due }

// Collect is part of prometheus.Collector. A database that is away leaves the
// figures out; others tell of that.
func (g reportGauge) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	now := g.a.cfg.Now()
	for id, p := range g.a.cities {
		if p.Report.Channel == "" {
			continue
		}
		counts, err := g.a.reports.Counts(ctx, id)
		if err != nil {
			return
		}
		for _, c := range counts {
			ch <- prometheus.MustNewConstMetric(g.count, prometheus.GaugeValue, float64(c.Reports), id, c.State.String())
			if !c.Oldest.IsZero() {
				ch <- prometheus.MustNewConstMetric(g.due, prometheus.GaugeValue, max(0, now.Sub(c.Oldest).Seconds()), id, c.State.String())
			}
		}
	}
}

// workReports considers, sends and calls back, at once again while there is
// plenty.
func (a *App) workReports(ctx context.Context) {
	for {
		n, err := a.reports.Work(ctx)
		if err != nil && ctx.Err() == nil {
			a.cfg.Log.ErrorContext(ctx, "reports", "err", err)
		}
		wait := 2 * time.Second
		if n > 0 && err == nil {
			wait = 50 * time.Millisecond
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}
