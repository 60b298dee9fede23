package plan

import (
	"hash/fnv"
	"math"
	"slices"
	"time"

	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/workflow"
)

// minJittered is the shortest wait before a retry when jitter is on, as in the
// Python program.
const minJittered = 100 * time.Millisecond

// maxWait bounds the wait before jitter: a longer one never ends for anybody.
const maxWait = 10 * 365 * 24 * time.Hour

// maxLost is how many tries beyond the policy's an idempotent job gets when nobody knows
// how they ended: a job that takes its host down must not do so for ever.
const maxLost = 3

// lostAgain reports whether a lost try of an idempotent job is repeated, which is done at
// once: it is not the job that failed. What still runs of it keeps it from that.
func lostAgain(r *workflow.Retry, o *run.Outcome, tries int) bool {
	return o.State == run.Failed && o.Reason == run.Lost && o.Survivors == 0 && tries <= r.Max+maxLost
}

// retries reports whether a try that ended with o is repeated. tries counts the
// tries so far; sinceFirst is the time since the first of them started.
//
// A try whose end nobody knows is never repeated by itself, but see lostAgain: whatever
// it does may have been done.
func retries(r *workflow.Retry, o *run.Outcome, tries int, sinceFirst time.Duration) bool {
	switch {
	case o.State != run.Failed && o.State != run.Timeout,
		o.Reason == run.Lost,
		o.Reason == run.ItemsInvalid, // they stay what they are
		tries > r.Max,
		sinceFirst > r.MaxTime:
		return false
	}
	return slices.ContainsFunc(statuses(o), func(s string) bool { return slices.Contains(r.OnStatus, s) }) ||
		o.ExitCode > 0 && slices.Contains(r.ExitCodes, o.ExitCode)
}

// statuses returns the names under which retry_on_status may mean an outcome.
func statuses(o *run.Outcome) []string {
	switch {
	case o.State == run.Timeout:
		return []string{"TIMEOUT"}
	case o.Reason == run.StartFailed:
		return []string{"ERROR"}
	case o.Reason == run.PrecheckFailed:
		return []string{"PRECHECK_FAILED"}
	case o.Reason == run.PostcheckFailed:
		return []string{"FAILED", "POSTCHECK_FAILED"}
	default:
		return []string{"FAILED"}
	}
}

// retryDelay returns the wait after the tries-th try, in whole microseconds: delay ×
// backoff^(tries-1), varied by jitter. The variation is a hash of its place, so that a
// restored plan waits just as long.
func retryDelay(r *workflow.Retry, id run.ID, job run.JobID, tries int) time.Duration {
	wait := float64(r.Delay)
	if wait > 0 { // else an infinite power would make it "not a number"
		wait = min(wait*math.Pow(r.Backoff, float64(tries-1)), float64(maxWait))
	}
	if r.Jitter > 0 {
		wait *= 1 + r.Jitter*spread(id, job, tries)
		wait = max(wait, float64(minJittered))
	}
	return time.Duration(wait).Truncate(time.Microsecond)
}

// spread returns a number in [-1, 1) that depends on nothing but its arguments.
func spread(id run.ID, job run.JobID, tries int) float64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(run.TaskID{Run: id, Job: job, Try: tries}.String())) // a hash never fails
	x := h.Sum64()
	x ^= x >> 33 // FNV's high bits vary little for short texts; this is MurmurHash3's finaliser
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	return float64(x>>11)/(1<<52) - 1
}
