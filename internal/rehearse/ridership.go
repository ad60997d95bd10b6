package rehearse

import (
	"time"

	"turnike/internal/city"
)

// The figures of this file are of İstanbul in 2023, the nearest whole year
// there are hourly figures for: "Saatlik Toplu Ulaşım Veri Seti", BELBİM, open
// data portal of İstanbul Büyükşehir Belediyesi, as drawn and averaged by
// CEGGANASLATZOLATLAN/gece-haritasi (hours, kinds of card; read back from its
// charts, to about 2,000 passengers) and yusufyucell/istanbul-mobilite-firsat-analizi
// (districts). In January 2021 fewer people rode: Options.Boardings says how
// many, these say when and where.

// weekday and weekend are mean passengers by clock hour, in thousands.
var (
	weekday = [24]float64{
		17.3, 4.5, 2.5, 0.3, 0.6, 31.9, 233.7, 594.3, 634.2, 385.5, 294.6, 299.6,
		345.0, 362.2, 377.9, 450.9, 517.4, 595.8, 659.3, 482.3, 293.8, 212.8, 179.2, 95.8,
	}
	weekend = [24]float64{
		38.1, 15.4, 7.7, 4.5, 3.7, 17.2, 96.4, 188.5, 235.2, 207.9, 200.3, 235.3,
		302.3, 370.0, 387.7, 392.0, 395.8, 415.3, 409.6, 338.1, 262.6, 218.2, 188.0, 107.0,
	}
)

// fare is a kind of card by what its holder pays.
type fare uint8

const (
	full    fare = iota // TAM
	student             // İNDİRİMLİ1, mainly students
	free                // ÜCRETSİZ: 65 and over, disabled
	fares
)

// fareShare is each fare's share of a weekday's taps. The charts do not print
// it; it is the mix of the shapes below that gives the shape of weekday, by
// least squares: what is left over is under 0.06 points at every hour, and the
// second reduced fare (İNDİRİMLİ2) comes out at nothing.
var fareShare = [fares]float64{full: 0.3743, student: 0.4676, free: 0.1580}

// fareHours is the share of its own weekday each fare makes in each hour, in
// percent. Hours 0 to 4 are hidden in the chart and small.
var fareHours = [fares][24]float64{
	full: {
		0.25, 0.07, 0.03, 0.02, 0.03, 0.709, 3.924, 8.437, 8.557, 5.781, 4.533, 4.413,
		4.643, 4.733, 5.092, 5.382, 6.141, 8.228, 9.965, 7.519, 4.493, 3.115, 2.546, 1.388,
	},
	student: {
		0.25, 0.07, 0.03, 0.02, 0.03, 0.24, 2.849, 9.128, 9.998, 5.009, 3.329, 3.389,
		4.379, 4.769, 4.669, 6.739, 8.008, 8.598, 9.498, 6.909, 4.269, 3.329, 2.939, 1.55,
	},
	free: {
		0.11, 0.03, 0.01, 0.01, 0.02, 0.56, 3.238, 6.495, 6.805, 5.806, 5.746, 6.376,
		6.935, 7.035, 7.984, 7.655, 7.964, 8.504, 7.355, 4.817, 2.778, 1.799, 1.319, 0.65,
	},
}

// district is one of İstanbul's 39 and its boardings on a weekday's working
// hours, October 2023 to March 2024; four outlying ones have no figure. A bus
// counts where it boards by its garage, so the split among neighbours is rough.
type district struct {
	Key, Name string
	Boardings float64
}

var districts = []district{
	{"ADALAR", "Adalar", 0},
	{"ARNAVUTKOY", "Arnavutköy", 50089},
	{"ATASEHIR", "Ataşehir", 150206},
	{"AVCILAR", "Avcılar", 132432},
	{"BAGCILAR", "Bağcılar", 148220},
	{"BAHCELIEVLER", "Bahçelievler", 110538},
	{"BAKIRKOY", "Bakırköy", 257984},
	{"BASAKSEHIR", "Başakşehir", 184421},
	{"BAYRAMPASA", "Bayrampaşa", 80808},
	{"BESIKTAS", "Beşiktaş", 173313},
	{"BEYKOZ", "Beykoz", 93437},
	{"BEYLIKDUZU", "Beylikdüzü", 64727},
	{"BEYOGLU", "Beyoğlu", 208358},
	{"BUYUKCEKMECE", "Büyükçekmece", 69198},
	{"CATALCA", "Çatalca", 0},
	{"CEKMEKOY", "Çekmeköy", 73442},
	{"ESENLER", "Esenler", 68152},
	{"ESENYURT", "Esenyurt", 126591},
	{"EYUPSULTAN", "Eyüpsultan", 180183},
	{"FATIH", "Fatih", 687088},
	{"GAZIOSMANPASA", "Gaziosmanpaşa", 83136},
	{"GUNGOREN", "Güngören", 83539},
	{"KADIKOY", "Kadıköy", 391569},
	{"KAGITHANE", "Kağıthane", 141923},
	{"KARTAL", "Kartal", 148270},
	{"KUCUKCEKMECE", "Küçükçekmece", 191467},
	{"MALTEPE", "Maltepe", 192716},
	{"PENDIK", "Pendik", 171163},
	{"SANCAKTEPE", "Sancaktepe", 106109},
	{"SARIYER", "Sarıyer", 180584},
	{"SILE", "Şile", 0},
	{"SILIVRI", "Silivri", 0},
	{"SISLI", "Şişli", 435463},
	{"SULTANBEYLI", "Sultanbeyli", 62885},
	{"SULTANGAZI", "Sultangazi", 92107},
	{"TUZLA", "Tuzla", 62672},
	{"UMRANIYE", "Ümraniye", 243968},
	{"USKUDAR", "Üsküdar", 526823},
	{"ZEYTINBURNU", "Zeytinburnu", 208245},
}

// shape is when a day's passengers come: a public holiday rides like a Sunday,
// one from the afternoon on like the workday its morning is.
func shape(day time.Time) *[24]float64 {
	h, holiday := city.HolidayOn(day)
	if wd := day.Weekday(); holiday && !h.Half || wd == time.Saturday || wd == time.Sunday {
		return &weekend
	}
	return &weekday
}

func sum(v []float64) (s float64) {
	for _, x := range v {
		s += x
	}
	return s
}

// DefaultBoardings is a weekday's boardings where nobody says otherwise:
// 3.57 million, İstanbul at the end of June 2020, the last figure of the
// pandemic in the press read (7.39 million on 2 March 2020, before it).
const DefaultBoardings = 3_570_000

// expected is how many boardings an hour of a day brings where a weekday
// brings so many.
func expected(boardings float64, day time.Time, hour int) float64 {
	return boardings * shape(day)[hour] / sum(weekday[:])
}
