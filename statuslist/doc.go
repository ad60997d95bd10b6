// Package statuslist holds what a validator needs to answer a tap without
// asking anybody: which cards were issued (Ranges), what each of them may do
// (List), by which clock and calendar (Rules), and the signed record that
// says these belong together and are fresh (Head, under the keys of a Root).
//
// A card is its index, found from its printed number by the table of issued
// ranges. Its status is one byte in a flat array, an entry in a table of at
// most 256 pairs of class and stop day. A class says what kind of rider the
// card belongs to, never why; rules sent ahead say what a class may do when.
//
// On the wire the array is entropy coded, in full or as a delta that fits
// every version between its two ends; the head carries the digest of the
// array that must result, so it does not matter who carried the files or in
// what order. FORMAT.md describes every byte. A Publisher writes the files,
// package gate reads them.
//
// The package needs nothing but the standard library, reads no clock and
// survives any bytes given to it.
package statuslist
