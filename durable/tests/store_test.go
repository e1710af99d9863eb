package durable_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/durable"
	"github.com/afterglow-go/afterglow/durable/internal/enginetest"
	"github.com/afterglow-go/afterglow/durable/sqlite"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

// scrape returns every sample of a scrape by name and labels.
func (s *seen) scrape() map[string]string {
	s.t.Helper()
	w := httptest.NewRecorder()
	promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{ErrorHandling: promhttp.HTTPErrorOnError}).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	require.Equal(s.t, 200, w.Code, w.Body.String())
	all := make(map[string]string)
	for _, m := range regexp.MustCompile(`(?m)^(afterglow_\S*) (\S+)$`).FindAllStringSubmatch(w.Body.String(), -1) {
		all[m[1]] = m[2]
	}
	return all
}

// tasks are those of a queue in a state, over all processes.
func tasks(queue, state string, processes ...*seen) (sum float64) {
	for _, s := range processes {
		sum += s.value(names.MetricDurableTasks, map[string]string{names.LabelQueue: queue, names.LabelState: state})
	}
	return sum
}

func shows(s *seen) bool {
	s.t.Helper()
	for series := range s.scrape() {
		if strings.HasPrefix(series, names.MetricDurableTasks) {
			return true
		}
	}
	return false
}

func TestOneOfAllProcessesShowsTheStore(t *testing.T) {
	onEach(t, func(t *testing.T, s store) {
		web, work := newSeen(t), newSeen(t)
		fails := durable.Define("fails", durable.Options{MaxAttempts: 1}, func(context.Context, int) error { return errors.New("no") })
		nobody := durable.Define("nobody.works", durable.Options{Queue: "nobody"}, func(context.Context, int) error { return nil })
		enqueuer, err := s.open(t.Context(), s.dsn, s.quiet(durable.Config{Role: durable.EnqueueOnly, Telemetry: web.tel}))
		require.NoError(t, err)
		require.False(t, shows(web), "no process has worked, so there is no queue")

		q := s.queue(durable.Config{Telemetry: work.tel, Queues: map[string]int{"default": 2, "idle": 1}}, fails)
		e, err := fails.Enqueue(t.Context(), enqueuer, 1)
		require.NoError(t, err)
		_, err = nobody.Enqueue(t.Context(), enqueuer, 1)
		require.NoError(t, err)
		_, err = nobody.Enqueue(t.Context(), enqueuer, 1, durable.In(time.Hour))
		require.NoError(t, err)
		s.await(q, e.ID, durable.StateDead)

		require.EventuallyWithT(t, func(c *assert.CollectT) { // a slow machine may show what was read before
			assert.InDelta(c, 1, tasks("default", names.StateDead, web, work), 0)
			assert.InDelta(c, 0, tasks("default", names.StateDue, web, work), 0)
			assert.InDelta(c, 1, tasks("nobody", names.StateDue, web, work), 0, "a queue that no process works is seen")
			assert.InDelta(c, 1, tasks("nobody", names.StateScheduled, web, work), 0)
			assert.InDelta(c, 1, web.value(names.MetricDurableLeaders, nil), 0)
		}, patience, 50*time.Millisecond)
		shown := web.scrape()
		require.Equal(t, "0", shown[`afterglow_durable_tasks{queue="idle",runner="durable",state="retrying"}`])
		require.Equal(t, "1", shown[`afterglow_durable_processes{queue="idle",runner="durable"}`])
		require.Equal(t, "0", shown[`afterglow_durable_processes{queue="nobody",runner="durable"}`])
		require.Equal(t, "0", shown[`afterglow_durable_paused{queue="default",runner="durable"}`])
		require.Contains(t, shown, `afterglow_durable_store_age_seconds{runner="durable"}`)
		require.NotEqual(t, "0", shown[`afterglow_durable_oldest_due_seconds{queue="nobody",runner="durable"}`])
		require.True(t, shows(web))
		require.False(t, shows(work), "or sums over instances would count each task twice")

		require.NoError(t, q.Pause(t.Context(), "default"))
		require.Eventually(t, func() bool { return web.value(names.MetricDurablePaused, nil) == 1 }, patience, 50*time.Millisecond)

		s.shutdown(enqueuer)
		require.False(t, shows(web))
		require.Eventually(t, func() bool { return shows(work) }, patience, 50*time.Millisecond, "the next one does, at once")
	})
}

func TestAProcessThatHasDiedDoesNotKeepOthersFromShowingTheStore(t *testing.T) {
	onEach(t, func(t *testing.T, s store) {
		work := newSeen(t)
		task := durable.Define("works", durable.Options{}, func(context.Context, int) error { return nil })
		s.queue(durable.Config{Telemetry: work.tel}, task)
		ahead := "now() + interval '%d seconds'"
		if strings.HasPrefix(s.dsn, sqlite.Scheme) {
			ahead = "datetime('now', 'subsec', '%+d seconds')"
		}
		held := func(seconds int) {
			s.exec("DELETE FROM afterglow_reader")
			s.exec("INSERT INTO afterglow_reader (id, holder, until) VALUES (1, 'dead', " + fmt.Sprintf(ahead, seconds) + ")")
		}
		held(14)
		require.False(t, shows(work), "it may live")
		held(-1)
		require.Eventually(t, func() bool { return shows(work) }, patience, 50*time.Millisecond, "its time is over")
		held(3600)
		require.Eventually(t, func() bool { return shows(work) }, patience, 50*time.Millisecond, "the clock was set back")
	})
}

func TestASlowDatabaseHoldsUpNoScrape(t *testing.T) {
	s := store{t, sqliteDSN(t), enginetest.SQLite}
	web := newSeen(t)
	task := durable.Define("works", durable.Options{}, func(context.Context, int) error { return nil })
	q := s.queue(durable.Config{Role: durable.EnqueueOnly, Telemetry: web.tel}, task)
	_, err := task.Enqueue(t.Context(), q, 1)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return tasks("default", names.StateDue, web) == 1 }, patience, 50*time.Millisecond)
	require.Zero(t, web.value(names.MetricDurableStoreErrors, nil))

	db, err := sqlite.OpenDB(s.dsn)
	require.NoError(t, err)
	defer func() { _ = db.Close() }()
	tx, err := db.BeginTx(t.Context(), &sql.TxOptions{}) // takes the lock of the writer
	require.NoError(t, err)
	began := time.Now()
	shown := web.scrape()
	require.Less(t, time.Since(began), 5*time.Second, "the database is locked for longer")
	require.Equal(t, "1", shown[`afterglow_durable_tasks{queue="default",runner="durable",state="due"}`], "as it was")
	require.Greater(t, web.value(names.MetricDurableStoreAge, nil), 0.4)
	require.Eventually(t, func() bool { return web.value(names.MetricDurableStoreErrors, nil) > 0 }, patience, 200*time.Millisecond)
	require.NoError(t, tx.Rollback())
	require.Eventually(t, func() bool {
		return shows(web) && web.value(names.MetricDurableStoreAge, nil) < 0.4
	}, patience, 100*time.Millisecond, "it is read again")
}

func TestTheStatesHaveTheirNamesInTheMetrics(t *testing.T) {
	require.Equal(t, []string{names.StateScheduled, names.StateDue, names.StateRunning, names.StateRetrying, names.StateDead}, []string{
		durable.StateScheduled.String(), durable.StateDue.String(), durable.StateRunning.String(), durable.StateRetrying.String(), durable.StateDead.String(),
	})
}

// TestTheSeriesOfDurableTasksFollowTheFormula holds what doc.go of package telemetry says.
func TestTheSeriesOfDurableTasksFollowTheFormula(t *testing.T) {
	const ofName, ofProcess, ofQueue, ofStore = 68, 34, 8, 2
	doc, err := os.ReadFile("../../telemetry/doc.go")
	require.NoError(t, err)
	require.Contains(t, strings.ReplaceAll(string(doc), "\n// ", " "), fmt.Sprintf(
		"A queue of T task names has at most %d T + %d series in each process and, of Q queues in its store, %d Q + %d series in one.", ofName, ofProcess, ofQueue, ofStore))

	s := store{t, sqliteDSN(t), enginetest.SQLite}
	work := newSeen(t)
	before := len(work.scrape())
	first := durable.Define("first", durable.Options{}, func(context.Context, int) error { return nil })
	second := durable.Define("second", durable.Options{}, func(context.Context, int) error { return nil })
	q := s.queue(durable.Config{Telemetry: work.tel, Queues: map[string]int{"a": 1, "b": 1, "c": 1, "default": 1}}, first, second)
	count := func() int { return len(work.scrape()) - before }
	// Two come with the first success and one with a drain; the timeout is there from the start.
	require.Eventually(t, func() bool { return count() == (ofName-1)*2+ofProcess-1+ofQueue*4+ofStore }, patience, 50*time.Millisecond,
		"everything exists from the start: %d", count())
	for series, value := range work.scrape() {
		if strings.Contains(series, "_total{") && strings.Contains(series, "durable") {
			require.Equal(t, "0", value, series)
		}
	}
	for _, task := range []*durable.Task[int]{first, second} {
		e, err := task.Enqueue(t.Context(), q, 1)
		require.NoError(t, err)
		s.await(q, e.ID, durable.StateDone)
	}
	require.Equal(t, ofName*2+ofProcess-1+ofQueue*4+ofStore, count())
	s.shutdown(q)
	require.Equal(t, ofName*2+ofProcess, count(), "after a drain")
}
