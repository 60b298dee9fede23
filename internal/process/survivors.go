package process

// Survivor is a process that still runs although its engine is gone.
type Survivor struct {
	PID       int
	StartTime uint64 // clock ticks since boot; with PID and boot it identifies the process
	Cookie    string // empty for one that was only found as a descendant of others
	Command   string // its command line, for a person
}
