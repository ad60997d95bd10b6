package rehearse

import "os"

// scratch makes a folder that need not survive: in memory where the system
// offers that and has the room, since publisher, gate and journal wait for the
// disk at every write and a day has thousands.
func scratch(scale float64) (string, error) {
	// The gate writes the array twice over, the publisher its coded form and
	// an hour of deltas.
	need := uint64(float64(printed[0].Cards)*scale*5) + 64<<20
	if memoryRoom() > need {
		if dir, err := os.MkdirTemp(memoryDir, "turnike-day-"); err == nil {
			return dir, nil
		}
	}
	return os.MkdirTemp("", "turnike-day-")
}
