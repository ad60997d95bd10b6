package city

import (
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"strings"
	"time"
)

// The ways to a province's receiver of reports (domain.md 6: the circular of
// 29 September 2020 names e-İçişleri; Malatya's board had its municipality
// write to the district governors).
const (
	ReportInterior = "e-icisleri" // over the interior ministry's service, at once
	ReportGovernor = "governor"   // a sealed file for the governor's office, once a day
)

// Report says whether rides refused for isolation are reported, and how. A
// city is one province's, so it has one channel.
type Report struct {
	Channel string `toml:"channel"` // e-icisleri or governor; empty: nothing is reported
	// NoticeMinutes is how long after its message left a holder counts as told.
	NoticeMinutes int `toml:"notice_minutes"`
	// MostPerDay is how many reports a day go without anybody looking; what
	// comes after is held until two people release it.
	MostPerDay int    `toml:"most_per_day"`
	Proof      string `toml:"proof"`     // least proof of the pairing: none, tap, desk
	FileHour   int    `toml:"file_hour"` // governor: hour of the day the file is written
	// Recipient and ReceiptKey are the governor's public keys: age X25519, and
	// Ed25519 in base64. Both are public, so they may stand in a file.
	Recipient  string `toml:"recipient"`
	ReceiptKey string `toml:"receipt_key"`
}

// Notice is NoticeMinutes as a span.
func (r Report) Notice() time.Duration { return time.Duration(r.NoticeMinutes) * time.Minute }

// Key is ReceiptKey's bytes; nil where there is none.
func (r Report) Key() ed25519.PublicKey {
	b, err := base64.StdEncoding.DecodeString(r.ReceiptKey)
	if err != nil || len(b) != ed25519.PublicKeySize {
		return nil
	}
	return b
}

func (p *Profile) checkReport(oneOf func(string, string, ...string)) (wrong []error) {
	r := p.Report
	bad := func(format string, args ...any) { wrong = append(wrong, fmt.Errorf(format, args...)) }
	if r == (Report{}) {
		return nil
	}
	oneOf("report.channel", r.Channel, ReportInterior, ReportGovernor)
	oneOf("report.proof", r.Proof, "", "none", "tap", "desk")
	if p.Plate == 0 {
		bad("report: a portal of many provinces has no channel; each province that reports needs a city file of its own")
	}
	if !p.Rules.Health {
		bad("report: only rides refused for isolation are reported; this city asks no health authority (rules.health)")
	}
	if r.NoticeMinutes < 1 || r.NoticeMinutes > 7*24*60 {
		bad("report.notice_minutes: %d; write 1 to 10080: how long a message may take to be read", r.NoticeMinutes)
	}
	if r.MostPerDay < 1 {
		bad("report.most_per_day: %d; write how many reports a day may go without anybody looking: well over a usual day's", r.MostPerDay)
	}
	if r.FileHour < 0 || r.FileHour > 23 {
		bad("report.file_hour: %d; write 0 to 23", r.FileHour)
	}
	if r.Recipient != "" && !strings.HasPrefix(r.Recipient, "age1") {
		bad("report.recipient: not an age public key; it begins with age1")
	}
	if r.ReceiptKey != "" && r.Key() == nil {
		bad("report.receipt_key: not an Ed25519 public key in base64 (44 characters)")
	}
	return wrong
}
