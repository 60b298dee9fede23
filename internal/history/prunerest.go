package history

import (
	"context"
	"fmt"
	"time"

	"github.com/executionerhq/executioner/internal/stats"
	"github.com/executionerhq/executioner/internal/store"
)

// pruneRest removes what there is beside the runs that is too old.
func pruneRest(ctx context.Context, st store.Store, r Retention, now time.Time) error {
	if err := pruneTimes(ctx, st, r, now); err != nil {
		return err
	}
	if r.KeepAudit > 0 {
		if err := pruneAudit(ctx, st, r.KeepAudit, now); err != nil {
			return err
		}
	}
	if r.KeepStatistics > 0 {
		_, err := st.PruneTallies(ctx, stats.Before(now.Add(-r.KeepStatistics)))
		return err
	}
	return nil
}

// pruneTimes removes what became of the times of schedules so long ago that no run of then
// is kept, in small transactions.
func pruneTimes(ctx context.Context, st store.Store, r Retention, now time.Time) error {
	if r.KeepFor <= 0 || r.KeepFailedFor <= 0 {
		return nil
	}
	for {
		n, err := st.PruneFirings(ctx, now.Add(-max(r.KeepFor, r.KeepFailedFor)), page)
		if err != nil || n < page {
			return err
		}
	}
}

// AuditPrune is the action of the audit log that entries of it were removed. It is no
// access.Action: the service has no way to be asked for it.
const AuditPrune = "audit.prune"

// pruneAudit removes old entries of the audit log, which is an entry itself.
func pruneAudit(ctx context.Context, st store.Store, keep time.Duration, now time.Time) error {
	n, err := st.PruneAudit(ctx, now.Add(-keep))
	if err != nil || n == 0 {
		return err
	}
	_, err = st.AddAudit(ctx, store.AuditEntry{
		At: now, Action: AuditPrune, Object: "audit log", Result: store.Done,
		Detail: fmt.Sprintf("%d entries removed that were older than %s, by %s", n, Days(keep), AuditVariable),
	})
	return err
}
