package crash_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/durable"
)

// riversTerm is the shortest time that River itself waits for after the leader's last sign of life.
const riversTerm = 9 * time.Second

func TestAnotherProcessLeadsWhenTheLeaderIsFoundDeadAndNotAtTheEndOfItsTerm(t *testing.T) {
	onEach(t, func(t *testing.T, e engine) {
		f := newFleet(t, e, life{DeadAfter: time.Second})
		f.start(nil)
		require.Eventually(t, func() bool { return f.leader() != nil }, patience, 20*time.Millisecond)
		stats, err := f.look.Stats(t.Context())
		require.NoError(t, err)
		f.start(nil)
		leads := f.leader()
		require.NotNil(t, leads)
		leads.kill()
		f.await(leads.ended, "not killed")
		f.remove(leads)
		require.Eventually(t, func() bool {
			now, err := f.look.Stats(context.Background())
			return err == nil && now.Leader != stats.Leader
		}, riversTerm-time.Second, 50*time.Millisecond, "the dead process still leads")

		_, err = newWorker(life{}).work.Enqueue(t.Context(), f.look, job{Key: "later"}, durable.In(time.Second))
		require.NoError(t, err)
		require.Eventually(t, func() bool {
			f.ledger.mu.Lock()
			defer f.ledger.mu.Unlock()
			entry := f.ledger.tasks["later"]
			return entry != nil && entry.hasEndedLocked()
		}, patience, 50*time.Millisecond, "scheduled tasks do not become due")
		for len(f.procs) > 0 {
			f.dismiss(f.procs[0])
		}
	})
}
