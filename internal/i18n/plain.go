package i18n

import "strings"

var costly = strings.NewReplacer("İ", "I", "ı", "i", "ş", "s", "Ş", "S", "ğ", "g", "Ğ", "G", "ç", "c", "Ç", "C")

// Plain writes a Turkish name with the letters every phone alphabet has (ö and
// ü are among them): "İstanbulkart" as it is would cost a text message five
// characters.
func Plain(name string) string { return costly.Replace(name) }
