package client_test

import (
	"errors"
	"fmt"
	"os"

	"github.com/executionerhq/executioner/client"
)

func Example() {
	flow := client.Workflow{
		ApplicationName: "nightly",
		WorkingDir:      "/srv/batch",
		Parallel:        new(true),
		MaxWorkers:      new(4),
		EnvVariables:    client.Env{"STAGE": "test"},
		Jobs: []client.Job{
			{ID: "load", Command: client.Shell("./load.sh \"$STAGE\""), Timeout: "30m", MaxRetries: new(2)},
			{ID: "report", Command: client.Exec("./report", "--all"), Dependencies: client.Needs("load")},
			{ID: "alarm", Command: client.Shell("./alarm.sh"), Dependencies: []client.Dependency{{Job: "load", On: "failure"}}},
		},
	}
	text, err := flow.YAML()
	if err != nil {
		fmt.Println(err)
		return
	}
	os.Stdout.Write(text)
	// Output:
	// application_name: nightly
	// working_dir: /srv/batch
	// parallel: true
	// max_workers: 4
	// env_variables:
	//   STAGE: test
	//
	// jobs:
	//   - id: load
	//     command: ./load.sh "$STAGE"
	//     timeout: 30m
	//     max_retries: 2
	//
	//   - id: report
	//     command: [./report, --all]
	//     dependencies: [load]
	//
	//   - id: alarm
	//     command: ./alarm.sh
	//     dependencies: [{job: load, on: failure}]
}

func ExampleWorkflow_Validate() {
	flow := client.Workflow{WorkingDir: "/srv", Jobs: []client.Job{
		{ID: "load", Command: client.Shell("./load.sh")},
		{ID: "report", Command: client.Shell("./report.sh"), Dependencies: client.Needs("laod")},
	}}
	var invalid *client.InvalidError
	if errors.As(flow.Validate(), &invalid) {
		for _, p := range invalid.Problems {
			fmt.Println(p.Message, "-", p.Hint)
		}
	}
	// Output: job "report": unknown dependency "laod" - did you mean "load"?
}

func ExampleMatrix() {
	flow := client.Workflow{WorkingDir: "/srv", Jobs: []client.Job{{
		ID:      "build",
		Command: client.Shell("./build.sh \"$OS\" \"$DB\""),
		Matrix: client.Matrix{
			Axes:    []client.Axis{{Name: "OS", Values: []string{"linux", "mac"}}, {Name: "DB", Values: []string{"pg", "oracle"}}},
			Exclude: []client.Env{{"OS": "mac", "DB": "oracle"}},
		},
	}}}
	fmt.Println(flow.Validate())
	// Output: <nil>
}
