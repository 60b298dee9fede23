//go:build linux

package crash

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/executionerhq/executioner/internal/run"
)

// An entry is one line of the ledger: that a task's process started or ended.
type entry struct {
	task run.TaskID
	pid  int
	end  bool
	code int // at the end
}

// parseLedger reads the ledger. What is not a whole line of it is returned as torn.
func parseLedger(text string) (entries []entry, torn []string) {
	for line := range strings.Lines(text) {
		e, err := parseEntry(line)
		if err != nil {
			torn = append(torn, fmt.Sprintf("%q: %v", line, err))
			continue
		}
		entries = append(entries, e)
	}
	return entries, torn
}

func parseEntry(line string) (e entry, err error) {
	line, whole := strings.CutSuffix(line, "\n")
	f := strings.Fields(line)
	if !whole || len(f) < 3 {
		return e, fmt.Errorf("not a whole line")
	}
	if e.task, err = parseTask(f[0]); err != nil {
		return e, err
	}
	if e.pid, err = strconv.Atoi(f[1]); err != nil {
		return e, err
	}
	switch {
	case f[2] == "start" && len(f) == 3:
		return e, nil
	case f[2] == "end" && len(f) == 4:
		e.end = true
		e.code, err = strconv.Atoi(f[3])
		return e, err
	}
	return e, fmt.Errorf("neither a start nor an end")
}

// parseTask reads SCOPE/RUN/ATTEMPT/JOB/TRY, the value of EXECUTIONER_TASK.
func parseTask(text string) (t run.TaskID, err error) {
	f := strings.Split(text, "/")
	if len(f) != 5 {
		return t, fmt.Errorf("%q is no task", text)
	}
	var id int
	for i, to := range map[int]*int{1: &id, 2: &t.Attempt, 4: &t.Try} {
		if *to, err = strconv.Atoi(f[i]); err != nil {
			return t, err
		}
	}
	t.Run, t.Job = run.ID(id), run.JobID(f[3])
	return t, nil
}
