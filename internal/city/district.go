package city

import "turnike/internal/person"

// District is a district (ilçe) of a province.
type District struct {
	Name       string
	Population int // TÜİK, end of 2022
}

// districts are those of the provinces whose offices we ship, by plate code
// and in the order of the Turkish alphabet (names: siberfx/turkiye-il-ilce-
// mahalle; population: snrylmz/il-ilce-json, from TÜİK's figures).
var districts = map[int][]District{
	34: {
		{"Adalar", 16372}, {"Arnavutköy", 312023}, {"Ataşehir", 427217},
		{"Avcılar", 457981}, {"Bağcılar", 744351}, {"Bahçelievler", 605300},
		{"Bakırköy", 228759}, {"Başakşehir", 503243}, {"Bayrampaşa", 274884},
		{"Beşiktaş", 178938}, {"Beykoz", 248595}, {"Beylikdüzü", 398122},
		{"Beyoğlu", 233322}, {"Büyükçekmece", 269160}, {"Çatalca", 76131},
		{"Çekmeköy", 288585}, {"Esenler", 447116}, {"Esenyurt", 977489},
		{"Eyüpsultan", 417360}, {"Fatih", 382990}, {"Gaziosmanpaşa", 493096},
		{"Güngören", 283083}, {"Kadıköy", 485233}, {"Kağıthane", 454550},
		{"Kartal", 480738}, {"Küçükçekmece", 805930}, {"Maltepe", 525566},
		{"Pendik", 741895}, {"Sancaktepe", 474668}, {"Sarıyer", 349968},
		{"Silivri", 209014}, {"Sultanbeyli", 349485}, {"Sultangazi", 543380},
		{"Şile", 41627}, {"Şişli", 284294}, {"Tuzla", 284443},
		{"Ümraniye", 726758}, {"Üsküdar", 525395}, {"Zeytinburnu", 293839},
	},
	35: {
		{"Aliağa", 103364}, {"Balçova", 80513}, {"Bayındır", 40049},
		{"Bayraklı", 296839}, {"Bergama", 104980}, {"Beydağ", 12197},
		{"Bornova", 452867}, {"Buca", 517963}, {"Çeşme", 48167},
		{"Çiğli", 209951}, {"Dikili", 46587}, {"Foça", 33611},
		{"Gaziemir", 137856}, {"Güzelbahçe", 37572}, {"Karabağlar", 478788},
		{"Karaburun", 11927}, {"Karşıyaka", 347023}, {"Kemalpaşa", 112049},
		{"Kınık", 28513}, {"Kiraz", 43674}, {"Konak", 336545},
		{"Menderes", 104147}, {"Menemen", 193229}, {"Narlıdere", 63438},
		{"Ödemiş", 132769}, {"Seferihisar", 52507}, {"Selçuk", 37689},
		{"Tire", 86758}, {"Torbalı", 201476}, {"Urla", 72741},
	},
}

// Districts are the districts of a province, or none where we have no list.
func Districts(plate int) []District { return append([]District(nil), districts[plate]...) }

// HasDistrict tells whether a province has a district of that name, however
// its dots are set. Of a province without a list, every name is taken.
func HasDistrict(plate int, name string) bool {
	list, known := districts[plate]
	if !known {
		return true
	}
	f := person.Fold(name)
	for _, d := range list {
		if person.Fold(d.Name) == f {
			return true
		}
	}
	return false
}
