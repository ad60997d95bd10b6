//go:build !unix

package statuslist

import "os"

// MapFile reads the file.
func MapFile(path string) (*Mapped, error) {
	b, err := os.ReadFile(path)
	return &Mapped{bytes: b}, err
}
