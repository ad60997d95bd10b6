package city

import (
	"strconv"

	"turnike/internal/person"
)

// provinces are the 81 provinces by plate code, 1 to 81 (İçişleri Bakanlığı,
// İl İdaresi; checked against the list in siberfx/turkiye-il-ilce-mahalle).
var provinces = [...]string{
	"Adana", "Adıyaman", "Afyonkarahisar", "Ağrı", "Amasya", "Ankara", "Antalya", "Artvin", "Aydın",
	"Balıkesir", "Bilecik", "Bingöl", "Bitlis", "Bolu", "Burdur", "Bursa", "Çanakkale", "Çankırı",
	"Çorum", "Denizli", "Diyarbakır", "Edirne", "Elazığ", "Erzincan", "Erzurum", "Eskişehir",
	"Gaziantep", "Giresun", "Gümüşhane", "Hakkari", "Hatay", "Isparta", "Mersin", "İstanbul", "İzmir",
	"Kars", "Kastamonu", "Kayseri", "Kırklareli", "Kırşehir", "Kocaeli", "Konya", "Kütahya",
	"Malatya", "Manisa", "Kahramanmaraş", "Mardin", "Muğla", "Muş", "Nevşehir", "Niğde", "Ordu",
	"Rize", "Sakarya", "Samsun", "Siirt", "Sinop", "Sivas", "Tekirdağ", "Tokat", "Trabzon", "Tunceli",
	"Şanlıurfa", "Uşak", "Van", "Yozgat", "Zonguldak", "Aksaray", "Bayburt", "Karaman", "Kırıkkale",
	"Batman", "Şırnak", "Bartın", "Ardahan", "Iğdır", "Yalova", "Karabük", "Kilis", "Osmaniye",
	"Düzce",
}

// Province is a province's name by its plate code.
func Province(plate int) (string, bool) {
	if plate < 1 || plate > len(provinces) {
		return "", false
	}
	return provinces[plate-1], true
}

// Plates is how many provinces there are.
const Plates = len(provinces)

// ParseProvince reads a plate code or a name, however its dots are set.
func ParseProvince(s string) (plate int, err error) {
	if n, err := strconv.Atoi(person.Digits(s)); err == nil && n >= 1 && n <= Plates {
		return n, nil
	}
	f := person.Fold(s)
	for i, name := range provinces {
		if person.Fold(name) == f && f != "" {
			return i + 1, nil
		}
	}
	return 0, ErrProvince
}
