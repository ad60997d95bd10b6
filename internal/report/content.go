package report

import (
	"encoding/hex"
	"encoding/json"
	"time"

	"turnike/internal/city"
	"turnike/internal/person"
	"turnike/internal/tap"
)

// Format names the shape of what is sealed.
const Format = "turnike-report-1"

// RegisteredTo is what a report says of the person in it, and all it says.
const RegisteredTo = "card_registered_to"

// Content is what a report tells, as JSON: the least the interior ministry
// needs (no route, no diagnosis, no companions, no name). Times are UTC.
type Content struct {
	Format    string    `json:"format"`
	ID        string    `json:"id"`
	City      string    `json:"city"`
	Province  int       `json:"province"` // plate code
	Says      string    `json:"says"`     // RegisteredTo
	Document  string    `json:"document"` // tckn, ykn, passport
	Number    string    `json:"number"`
	Country   string    `json:"country,omitempty"` // of a passport
	Card      string    `json:"card"`              // keyed tag; the printed number is not in it
	Device    string    `json:"device"`
	Stop      uint32    `json:"stop"`
	Line      uint8     `json:"line"` // or mode, as the device counts them
	Earliest  time.Time `json:"tap_earliest"`
	Latest    time.Time `json:"tap_latest"`
	List      uint64    `json:"list"` // version on the device
	Effective time.Time `json:"suspension_effective"`
	Told      time.Time `json:"notice"`
	Source    string    `json:"feed_message"` // of the health authority
}

// contentOf writes a report down. It is the one place where a person's number
// leaves their record for another authority.
func contentOf(id string, p *city.Profile, a tap.Attempt, s Stop, told time.Time, who person.Record) ([]byte, error) {
	return json.Marshal(Content{
		Format: Format, ID: id, City: p.ID, Province: p.Plate, Says: RegisteredTo,
		Document: who.ID.Kind().String(), Number: who.ID.Reveal(), Country: who.Country,
		Card: hex.EncodeToString(s.CardTag[:]), Device: hex.EncodeToString(a.Device[:]), Stop: a.Stop, Line: a.Mode,
		Earliest: a.Earliest.UTC(), Latest: a.Latest.UTC(), List: a.Sequence,
		Effective: s.Since.UTC(), Told: told.UTC(), Source: s.Source,
	})
}
