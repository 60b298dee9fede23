// Package telemetry lets people see inside a service: metrics for Prometheus and as
// JSON, logs with the ids of what they are about, and traces of runs.
//
// Everything here watches: it is told of what was committed and costs the runs that it
// watches no more than counting. What it says is never the truth about a run; the store is.
package telemetry
