package main

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"filippo.io/age"

	"turnike/internal/audit"
	"turnike/internal/authority"
	"turnike/internal/report"
	"turnike/internal/storage"
	"turnike/internal/storage/sqlstore"
)

// ReportCmd looks after the reports to the interior ministry.
type ReportCmd struct {
	List     ReportListCmd     `cmd:"" help:"List a city's reports: ids and states, for that is all there is."`
	Send     ReportSendCmd     `cmd:"" help:"Let the running server try one again at once."`
	File     ReportFileCmd     `cmd:"" help:"Let the running server hand over all that waits now: the file before its hour."`
	Withdraw ReportWithdrawCmd `cmd:"" help:"Call one report back."`
	Correct  ReportCorrectCmd  `cmd:"" help:"Call back every report of a stop that should never have been."`
	Appeal   ReportAppealCmd   `cmd:"" help:"Note that a stop is disputed, or with --decided that it no longer is."`
	Release  ReportReleaseCmd  `cmd:"" help:"Let go, or drop, what is held because a day had more than the city's most."`
	Key      ReportKeyCmd      `cmd:"" help:"Print the public key by which a city signs, for the receiver."`
	Read     ReportReadCmd     `cmd:"" help:"At the governor's office: open a file, and write its acknowledgement."`
}

// ofCity opens an installation for one city's reports.
type ofCity struct {
	installation `embed:""`
	City         string `required:"" placeholder:"ID" help:"The city."`
}

func (c ofCity) with(ctx context.Context, fn func(*report.Service) error) error {
	s, err := storage.Open(ctx, c.rows(), false)
	if err != nil {
		return err
	}
	defer s.Close()
	return fn(report.New(report.Config{Store: sqlstore.As[report.Tx](s), Now: time.Now}))
}

// byStaff is who does it.
type byStaff struct {
	ofCity `embed:""`
	ID     string `arg:"" help:"The report, as turnike report list shows it."`
	By     string `required:"" placeholder:"STAFF" help:"Your staff id; it stands in the audit."`
}

func (c byStaff) actor() audit.Actor {
	return audit.Actor{Kind: "staff", Ref: c.By, Channel: "console"}
}

// ReportListCmd lists.
type ReportListCmd struct {
	ofCity `embed:""`
	State  string `help:"Only those: waiting, filed, received, withdrawing, withdrawn, cancelled, refused, held."`
	Limit  int    `default:"100" help:"How many of the newest to look at."`
	JSON   bool   `help:"Print as JSON."`
}

// Help is shown by turnike report list --help.
func (ReportListCmd) Help() string {
	return `What a report says was sealed to its receiver as it was made and cannot be read
here. Rows go 30 days after their receipt.

Example:
  turnike report list --city istanbul --state withdrawing --json`
}

// reportLine is one report as it is printed.
type reportLine struct {
	ID       string     `json:"id"`
	State    string     `json:"state"`
	Made     time.Time  `json:"made"`
	Changed  time.Time  `json:"changed"`
	Due      *time.Time `json:"due,omitempty"`
	Attempts int        `json:"attempts"`
	Receipt  string     `json:"receipt,omitempty"`
	Why      string     `json:"why,omitempty"`
	Error    string     `json:"error,omitempty"`
}

// Run lists.
func (c *ReportListCmd) Run(ctx context.Context, out io.Writer) error {
	return c.with(ctx, func(s *report.Service) error {
		rs, err := s.List(ctx, c.City, "", c.Limit)
		if err != nil {
			return err
		}
		lines := []reportLine{}
		for _, r := range rs {
			l := reportLine{ID: r.ID, State: r.State.String(), Made: r.Made, Changed: r.Changed, Attempts: r.Attempts, Receipt: r.Receipt, Why: r.Why, Error: r.Error}
			if !r.Due.IsZero() {
				l.Due = &r.Due
			}
			if c.State == "" || c.State == l.State {
				lines = append(lines, l)
			}
		}
		if c.JSON {
			return json.NewEncoder(out).Encode(lines)
		}
		t := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
		fmt.Fprintln(t, "ID\tSTATE\tMADE\tTRIES\tRECEIPT\tWHY")
		for _, l := range lines {
			fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%s\t%s\n", l.ID, l.State, l.Made.Format(time.RFC3339), l.Attempts, l.Receipt, strings.TrimSpace(l.Why+" "+l.Error))
		}
		return t.Flush()
	})
}

// ReportSendCmd makes one due.
type ReportSendCmd struct {
	ofCity `embed:""`
	ID     string `arg:"" help:"The report, as turnike report list shows it."`
}

// Run makes it due.
func (c *ReportSendCmd) Run(ctx context.Context, out io.Writer) error {
	return c.with(ctx, func(s *report.Service) error {
		if err := s.SendNow(ctx, c.City, c.ID); err != nil {
			return err
		}
		fmt.Fprintln(out, "due now: the running server tries it within seconds")
		return nil
	})
}

// ReportFileCmd makes all due.
type ReportFileCmd struct {
	ofCity `embed:""`
}

// Run makes all that waits due.
func (c *ReportFileCmd) Run(ctx context.Context, out io.Writer) error {
	return c.with(ctx, func(s *report.Service) error {
		n, err := s.HandNow(ctx, c.City)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%d due now: the running server hands them over within seconds\n", n)
		return nil
	})
}

// ReportWithdrawCmd calls one back.
type ReportWithdrawCmd struct {
	byStaff `embed:""`
}

// Run calls it back.
func (c *ReportWithdrawCmd) Run(ctx context.Context, out io.Writer) error {
	return c.with(ctx, func(s *report.Service) error {
		if err := s.Withdraw(ctx, c.City, c.ID, "staff", c.actor()); err != nil {
			return err
		}
		fmt.Fprintln(out, "called back: the running server tells the receiver within seconds")
		return nil
	})
}

// ReportCorrectCmd calls back a stop's reports.
type ReportCorrectCmd struct {
	byStaff `embed:""`
}

// Run calls them back.
func (c *ReportCorrectCmd) Run(ctx context.Context, out io.Writer) error {
	return c.with(ctx, func(s *report.Service) error {
		if err := s.Correct(ctx, c.City, c.ID, c.actor()); err != nil {
			return err
		}
		fmt.Fprintln(out, "every report of this stop is called back")
		return nil
	})
}

// ReportAppealCmd notes a dispute.
type ReportAppealCmd struct {
	byStaff `embed:""`
	Decided bool `help:"The appeal is decided, and the stop stands."`
}

// Run notes it.
func (c *ReportAppealCmd) Run(ctx context.Context, out io.Writer) error {
	return c.with(ctx, func(s *report.Service) error {
		if err := s.Appeal(ctx, c.City, c.ID, !c.Decided, c.actor()); err != nil {
			return err
		}
		fmt.Fprintln(out, "noted")
		return nil
	})
}

// ReportReleaseCmd lets go what is held.
type ReportReleaseCmd struct {
	ofCity `embed:""`
	By     string `required:"" placeholder:"STAFF" help:"Your staff id; it stands in the audit."`
	With   string `required:"" placeholder:"STAFF" help:"The staff id of the second person, who has looked too."`
	Drop   bool   `help:"Do not send them: the stops were wrong."`
}

// Help is shown by turnike report release --help.
func (ReportReleaseCmd) Help() string {
	return `Past most_per_day of the city file reports are made and held: a feed gone wrong
must not report thousands before anybody looks. Look at how many stops were put on
today, and by which message, before you let go.

Example:
  turnike report release --city istanbul --by op-1 --with op-2 --drop`
}

// Run lets go.
func (c *ReportReleaseCmd) Run(ctx context.Context, out io.Writer) error {
	return c.with(ctx, func(s *report.Service) error {
		n, err := s.Release(ctx, c.City, c.Drop, audit.Actor{Kind: "staff", Ref: c.By, Channel: "console"}, c.With)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%d no longer held\n", n)
		return nil
	})
}

// ReportKeyCmd prints a public key.
type ReportKeyCmd struct {
	ofCity `embed:""`
}

// Help is shown by turnike report key --help.
func (ReportKeyCmd) Help() string {
	return `Ed25519, base64. Give it to the receiver by another way than the reports: who
believes any key believes any city.

Example:
  turnike report key --city izmir`
}

// Run prints the key, making it where there is none.
func (c *ReportKeyCmd) Run(out io.Writer) error {
	key, err := authority.SigningKey(filepath.Join(c.keys(), "report", c.City+".key"))
	if err != nil {
		return err
	}
	fmt.Fprintln(out, base64.StdEncoding.EncodeToString(key.Public().(ed25519.PublicKey)))
	return nil
}

// ReportReadCmd is the office's side.
type ReportReadCmd struct {
	File string `arg:"" type:"existingfile" help:"A file turnike-CITY-....age."`
	Key  string `required:"" type:"existingfile" placeholder:"FILE" help:"The office's private key, as age-keygen writes it."`
	From string `required:"" placeholder:"KEY" help:"The city's public key (turnike report key): reports signed by another are refused."`
	Sign string `required:"" type:"path" placeholder:"FILE" help:"The office's key for receipts; made where there is none."`
	Ack  string `type:"path" placeholder:"DIR" help:"Folder for the acknowledgement. Empty: beside the file."`
}

// Help is shown by turnike report read --help.
func (ReportReadCmd) Help() string {
	return `Prints the reports as JSON, one in a line, then the ids of those withdrawn, and
writes the acknowledgement that goes back to the city's folder "in". Receipts are
the day and the report's place in the file.

Example:
  turnike report read turnike-izmir-20210112T040000Z-1a2b3c4d.age \
    --key office.txt --sign receipts.key --from 6sbe...= --ack to-the-city`
}

// Run reads.
func (c *ReportReadCmd) Run(out io.Writer) error {
	ids, err := os.Open(c.Key)
	if err != nil {
		return err
	}
	defer ids.Close()
	keys, err := age.ParseIdentities(ids)
	if err != nil || len(keys) != 1 {
		return fmt.Errorf("--key: want a file with one private key, as age-keygen writes it")
	}
	sealed, err := os.ReadFile(c.File)
	if err != nil {
		return err
	}
	f, opened, from, err := authority.ReadFile(sealed, keys[0])
	if err != nil {
		return err
	}
	if base64.StdEncoding.EncodeToString(from) != c.From {
		return fmt.Errorf("%s: signed by another key than --from: do not act on it", c.File)
	}
	sign, err := authority.SigningKey(c.Sign)
	if err != nil {
		return err
	}
	var receipts []authority.AckReceipt
	name := strings.TrimSuffix(filepath.Base(c.File), filepath.Ext(c.File))
	for i, r := range f.Reports {
		if !slices.ContainsFunc(f.Withdrawals, func(w authority.Withdrawal) bool { return w.Withdraw == r.ID }) {
			fmt.Fprintf(out, "%s\n", opened[i])
		}
		receipts = append(receipts, authority.AckReceipt{ID: r.ID, Receipt: fmt.Sprintf("%s/%d", name, i+1)})
	}
	for _, w := range f.Withdrawals {
		if err := json.NewEncoder(out).Encode(w); err != nil {
			return err
		}
	}
	ackName, ack, err := authority.WriteAck(sign, c.File, sealed, receipts, time.Now())
	if err != nil {
		return err
	}
	dir := c.Ack
	if dir == "" {
		dir = filepath.Dir(c.File)
	}
	return os.WriteFile(filepath.Join(dir, ackName), ack, 0o600)
}
