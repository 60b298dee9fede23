// Package legacy holds what is kept of the Python program of the same name: the
// example files that it could print.
package legacy

import _ "embed"

// SimpleConfig is a small workflow in the old format.
//
//go:embed simple.json
var SimpleConfig string

// SampleConfig is a workflow in the old format that has every field. What would do
// something on the reader's behalf is commented out with a "_", as the format allows.
//
//go:embed sample.json
var SampleConfig string
