// Package client is for Go programs that make workflows, and that have a server run them.
//
// # Making workflows
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
// # Running them
//
// A Client speaks to a server (executioner serve): it submits workflows, follows runs and
// their logs, and does all else that the server's API can do:
//
//	c, err := client.New(client.Config{Server: "https://batch.example.org:8323", TokenFile: "token"})
//	if err != nil {
//		return err
//	}
//	defer c.Close()
//	made, err := c.Submit(ctx, client.Submission{Flow: client.Flow{Source: text, Name: "nightly.yaml"}}, "")
//	if err != nil {
//		return err
//	}
//	for e, err := range c.Events(ctx, made.Run, 0) {
//		…
//	}
//
// Calls that may be repeated are, while the server can't be reached; a submission has a key
// that keeps it from making two runs. Errors are *Error, with the codes of the command line.
// A Client is safe for concurrent use.
//
// All types but it are plain data. They may be read from several goroutines, and must not be
// changed while that happens.
package client
