//go:build race

package gatedoor

// underRace: the race detector makes the embedded engine an order of magnitude
// slower; a tenth of the buses shows it as much.
const underRace = true
