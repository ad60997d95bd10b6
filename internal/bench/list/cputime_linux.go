package list

import (
	"syscall"
	"time"
)

// threadTime is how long this thread has computed. On a machine shared with
// others it is the fair clock for a loop that waits for nothing but memory:
// the time it was put aside is not its own.
func threadTime() time.Duration {
	const thisThread = 1
	var u syscall.Rusage
	if err := syscall.Getrusage(thisThread, &u); err != nil {
		return wallTime()
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
