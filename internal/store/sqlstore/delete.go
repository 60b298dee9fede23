package sqlstore

import (
	"context"
	"slices"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
)

const (
	// fenceEnded takes a run that may be removed out of everybody's hands: whoever waits
	// for its row finds another epoch, or none.
	fenceEnded = `UPDATE runs SET lease_epoch = lease_epoch + 1 WHERE id = ?
		AND state IN ('SUCCESS', 'FAILED', 'TIMEOUT', 'SKIPPED', 'CANCELLED')
		AND (lease_owner IS NULL OR lease_until_us IS NULL OR lease_until_us <= ?)`
	selectHashes = `SELECT DISTINCT hash FROM attempts WHERE run_id = ? AND hash IS NOT NULL`
	dropWorkflow = `DELETE FROM workflows WHERE hash = ? AND NOT EXISTS (SELECT 1 FROM attempts WHERE attempts.hash = ?)`
)

// deletions remove the rows of a run, those that refer to others first.
var deletions = [...]string{
	`DELETE FROM transitions WHERE run_id = ?`,
	`DELETE FROM requests WHERE run_id = ?`,
	`DELETE FROM overrides WHERE run_id = ?`,
	`DELETE FROM attempts WHERE run_id = ?`,
	`DELETE FROM runs WHERE id = ?`,
}

// Delete implements store.Store.
func (s *Store) Delete(ctx context.Context, ids []run.ID) (deleted []run.ID, err error) {
	err = s.change(ctx, "delete runs", func(t *tx) error {
		deleted = nil
		hashes := map[string]bool{}
		now := micros(s.cfg.Now())
		for _, id := range ids {
			gone, err := t.deleteRun(id, now, hashes)
			if err != nil {
				return err
			}
			if gone {
				deleted = append(deleted, id)
			}
		}
		return t.dropWorkflows(hashes)
	})
	if err != nil {
		return nil, err
	}
	return deleted, nil
}

// deleteRun removes a run unless it goes on, and adds the workflows that it had to hashes.
func (t *tx) deleteRun(id run.ID, now any, hashes map[string]bool) (gone bool, err error) {
	if n, err := t.execRows(fenceEnded, id, now); n == 0 || err != nil {
		return false, err
	}
	used, err := list(t.query, oneText, selectHashes, id)
	if err != nil {
		return false, err
	}
	for _, h := range used {
		hashes[h] = true
	}
	if err := t.countRun(id); err != nil {
		return false, err
	}
	for _, q := range deletions {
		if err := t.exec(q, id); err != nil {
			return false, err
		}
	}
	for l := range t.seqs {
		if l.Run == id {
			delete(t.seqs, l)
		}
	}
	return true, nil
}

// dropWorkflows removes those that no attempt has, in one order for all programs.
func (t *tx) dropWorkflows(hashes map[string]bool) error {
	sorted := make([]string, 0, len(hashes))
	for h := range hashes {
		sorted = append(sorted, h)
	}
	slices.Sort(sorted)
	for _, h := range sorted {
		if err := t.exec(dropWorkflow, h, h); err != nil {
			return err
		}
	}
	return nil
}

func isNoRun(err error) bool { return fault.CodeOf(err) == fault.NotFound }
