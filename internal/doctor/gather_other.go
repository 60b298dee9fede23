//go:build !linux

package doctor

import (
	"os"
	"time"
)

// gatherSystem finds out nothing on this system.
func gatherSystem(**ProcessFacts, **LimitFacts) {}

// mounted finds out nothing on this system.
func (d *Disk) mounted() {}

// allocates is false: the journal can't keep space in advance on this system.
func allocates(*os.File) bool { return false }

// writer finds nobody on this system.
func writer(string) int { return 0 }

// clock measures nothing on this system.
type clock struct{}

func startClock() *clock { return &clock{} }

func (*clock) stop(zone string) *ClockFacts {
	f := &ClockFacts{Now: time.Now()}
	f.Zone, f.ZoneError = zoneOf(zone)
	return f
}
