//go:build !race

package pairing_test

const underRace = false
