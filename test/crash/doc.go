// Package crash takes the power, the disk or the life of a store away while it
// works, over and over, and checks that nothing it acknowledged is lost and
// nothing stands by half. Its tests run a few rounds by themselves;
// TURNIKE_CRASH_CYCLES=1000 is the full run, which takes a few minutes.
//
// Each checker is shown a fault that it must find: a writer that acknowledges
// before it commits, a disk that lies about its sync.
package crash
