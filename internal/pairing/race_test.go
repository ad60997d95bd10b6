//go:build race

package pairing_test

// underRace: the race detector makes the embedded engine an order of magnitude
// slower, and a property has nothing to tell it that a few runs do not.
const underRace = true
