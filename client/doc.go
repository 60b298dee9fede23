// Package client is for Go programs that make workflows.
//
// A Workflow is written as a composite literal whose fields are those of the workflow
// file. What is not set is not written, so the defaults of the file format hold; a
// pointer or an empty list tells "not set" from "zero" where both have a meaning:
//
//	flow := client.Workflow{
//		WorkingDir: "/srv/batch",
//		Jobs: []client.Job{
//			{ID: "load", Command: client.Shell("./load.sh"), Timeout: "30m", MaxRetries: new(2)},
//			{ID: "report", Command: client.Exec("./report", "--all"), Dependencies: client.Needs("load")},
//		},
//	}
//	err := flow.WriteFile("nightly.yaml")
//
// Validate has the rules of executioner validate: there is one set of them.
//
// All types are plain data. They may be read from several goroutines, and must not be
// changed while that happens.
package client
