package history

import (
	"strconv"
	"strings"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
)

// The variables of the environment that change the usual retention.
const (
	DaysVariable       = "EXECUTIONER_KEEP_DAYS"            // KeepFor
	FailedDaysVariable = "EXECUTIONER_KEEP_FAILED_DAYS"     // KeepFailedFor
	RunsVariable       = "EXECUTIONER_KEEP_RUNS"            // KeepRuns
	AuditVariable      = "EXECUTIONER_KEEP_AUDIT_DAYS"      // KeepAudit
	StatisticsVariable = "EXECUTIONER_KEEP_STATISTICS_DAYS" // KeepStatistics
)

// maxDays is more than any history lasts; more would not fit into a Duration.
const maxDays = 100 * 365

// FromEnviron returns the usual retention with what the environment says instead. A
// value that is no number of 0 or more is a fault InvalidConfig.
func FromEnviron(getenv func(string) string) (Retention, error) {
	r := Usual()
	for _, v := range []struct {
		name string
		set  func(n int)
		most int
	}{
		{DaysVariable, func(n int) { r.KeepFor = time.Duration(n) * day }, maxDays},
		{FailedDaysVariable, func(n int) { r.KeepFailedFor = time.Duration(n) * day }, maxDays},
		{RunsVariable, func(n int) { r.KeepRuns = n }, 1 << 30},
		{AuditVariable, func(n int) { r.KeepAudit = time.Duration(n) * day }, maxDays},
		{StatisticsVariable, func(n int) { r.KeepStatistics = time.Duration(n) * day }, maxDays},
	} {
		text := strings.TrimSpace(getenv(v.name))
		if text == "" {
			continue
		}
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 || n > v.most {
			return Retention{}, fault.New(fault.InvalidConfig, "%s is %q, not a number from 0 to %d", v.name, text, v.most).
				WithHint("for example: %s=30; 0 is for ever", v.name)
		}
		v.set(n)
	}
	return r, nil
}
