package booking

import (
	"math/rand/v2"
	"time"
)

// Walker makes up somebody without an appointment who comes at a moment.
func (n *Network) Walker(at time.Time, service string, r *rand.Rand) Arrival {
	return Arrival{At: at, Service: service, Matters: 1, Takes: n.takes(service, 1, r)}
}
