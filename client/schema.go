package client

import _ "embed"

// schema is written by go test ./client -run TestSchemaIsFresh -update.
//
//go:embed schema.json
var schema string

// Schema returns the JSON Schema (2020-12) of workflow files, for editors and other
// programs. It is stricter than the program in two points: unknown fields, and unknown
// words in retry_on_status, which the program warns of. It does not know whether
// dependencies fit, and that a file that is part of no other needs working_dir and jobs.
func Schema() []byte { return []byte(schema) }
