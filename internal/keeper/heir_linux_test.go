package keeper

import (
	"encoding/json"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/executionerhq/executioner/internal/keeper/journal"
	"github.com/executionerhq/executioner/internal/run"
)

// TestHeirOfTheLastKeeperOnly: an engine got the children of its keeper, and took it for
// proof that tasks which an earlier keeper had been starting when it died were not forked:
// it started them again.
func TestHeirOfTheLastKeeperOnly(t *testing.T) {
	w := newWorld(t)
	s := w.script("a", "")
	w.must(makeDir(w.keep))
	book, _, err := journal.Open(w.keep, journal.Options{})
	w.must(err)
	at, err := json.Marshal(intent{Cookie: s.Cookie, Pipe: 1, Mark: 1 << 60, whom: whom{By: 1, Since: 1}})
	w.must(err)
	w.must(book.Start("a", time.Now(), at))
	w.must(book.Close())
	c := w.open(1)
	same(t, "fate", c.Fate("a"), Lost)
	hit(w, keeperOf(c), unix.SIGKILL)
	<-c.gone
	w.eventually("the engine takes over", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.stand != nil
	})
	r := w.end(begin(c, s))
	same(t, "reason", r.Outcome.Reason, run.Lost)
	same(t, "started again", exists(w.path("starts")), false)
	w.must(c.Close(true))
}
