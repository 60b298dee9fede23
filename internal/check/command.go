package check

import (
	"bytes"
	"context"
	"fmt"
	"strings"
)

// commandTimeout is the default in seconds.
const commandTimeout = 60

func command() kind {
	return kind{Doc{
		"command", []Param{
			{"command", "string", true, "what to run, in the job's working directory and environment"},
			{"timeout", "number", false, "seconds; 60 by default"},
		}, "The command must end with exit code 0. ${NAME} in it is left to the shell.",
	}, runCommand}
}

func runCommand(ctx context.Context, p params, in Input) string {
	text := p.raw("command") // the shell expands it: a value must not become code
	if strings.TrimSpace(text) == "" {
		return "its parameter command is missing or empty"
	}
	timeout, problem := p.number("timeout", commandTimeout)
	if problem != "" {
		return problem
	}
	exit, output, err := in.Exec(ctx, text, seconds(timeout))
	switch {
	case err != nil:
		return withLastLine("the command did not end by itself: "+err.Error(), output)
	case exit != 0:
		return withLastLine(fmt.Sprintf("the command's exit code is %d", exit), output)
	}
	return ""
}

// withLastLine adds the last line of an output, which mostly says what is wrong.
func withLastLine(detail string, output []byte) string {
	output = bytes.TrimSpace(output)
	if i := bytes.LastIndexByte(output, '\n'); i >= 0 {
		output = output[i+1:]
	}
	if len(output) == 0 {
		return detail
	}
	return detail + ": " + string(output[:min(len(output), maxText)])
}
