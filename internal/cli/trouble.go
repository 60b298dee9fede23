package cli

import (
	"fmt"
	"io"
)

// troubles tells that results can't be recorded for now, and when that is over. The
// engine calls it once for each.
type troubles struct{ err io.Writer }

func (t *troubles) tell(err error) {
	if err == nil {
		fmt.Fprintln(t.err, "executioner: results are being recorded again")
		return
	}
	fmt.Fprintf(t.err, "executioner: results can't be recorded for now, nothing new is started: %v\n"+
		"  → running jobs go on and nothing is lost; this is tried again until it works\n", err)
}
