package crash_test

import (
	"time"

	"github.com/stretchr/testify/require"
)

// enqueue enqueues tasks for the children.
func (f *fleet) enqueue(jobs ...job) (ids []int64) {
	f.t.Helper()
	for _, in := range jobs {
		e, err := newWorker(life{}).work.Enqueue(f.t.Context(), f.look, in)
		require.NoError(f.t, err)
		ids = append(ids, e.ID)
	}
	return ids
}

// awaitRun waits until the n-th run of a task, from 1, is as it has to be.
func (f *fleet) awaitRun(key string, n int, is func(r *run) bool) {
	f.t.Helper()
	require.Eventually(f.t, func() bool {
		f.ledger.mu.Lock()
		defer f.ledger.mu.Unlock()
		e := f.ledger.tasks[key]
		return e != nil && len(e.runs) >= n && is(e.inOrderLocked()[n-1])
	}, *slow+patience, 20*time.Millisecond, "%s, run %d", key, n)
}

func hasStarted(r *run) bool { return !r.start.IsZero() }
func hasEnded(r *run) bool   { return !r.end.IsZero() }

// requireOneRun fails unless each task has run once, to its end.
func (f *fleet) requireOneRun(jobs []job) {
	f.t.Helper()
	for _, in := range jobs {
		f.awaitRun(in.Key, 1, hasEnded)
	}
	f.drain()
	f.ledger.mu.Lock()
	defer f.ledger.mu.Unlock()
	for _, in := range jobs {
		require.Len(f.t, f.ledger.tasks[in.Key].runs, 1, in.Key)
	}
}
