package run

import "testing"

func TestFailure(t *testing.T) {
	want := Outcome{State: Failed, Reason: StartFailed, Detail: "why", ExitCode: NoExitCode}
	if got := Failure(StartFailed, "why"); got != want {
		t.Errorf("%+v", got)
	}
}
