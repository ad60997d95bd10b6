// Package report tells the interior ministry of rides that a person in
// isolation tried to take (seeds 001 and 002). It can lead to a fine, so where
// anything is in doubt nothing is told: a report is made only of a tap that was
// for certain after the stop took effect and after its holder had been told, by
// a list that knew of the stop, while the ministry of health still stood by it.
//
// A report says whose card it was ("registered to"), never who rode. It is
// sealed to its receiver's key as it is made, so nobody here can read it again;
// rows hold ids and states. Each is sent until a signed receipt comes back, and
// called back within the hour where the stop turns out to have ended earlier
// than was known.
package report
