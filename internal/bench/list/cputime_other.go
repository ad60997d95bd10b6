//go:build !linux

package list

import "time"

// threadTime is the wall's time where a thread's own is not to be had.
func threadTime() time.Duration { return wallTime() }
