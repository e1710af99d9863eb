package durable_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/durable"
)

// setClock does what setting the database's clock does, seen from the rows: all their times are
// later, by hours, if the clock is set back.
func (s store) setClock(hoursBack int) {
	s.t.Helper()
	shift := func(column string) string {
		if s.isSQLite() {
			return fmt.Sprintf("%s = strftime('%%Y-%%m-%%d %%H:%%M:%%f', %s, '%+d hours')", column, column, hoursBack)
		}
		return fmt.Sprintf("%s = %s + interval '%d hours'", column, column, hoursBack)
	}
	for table, columns := range map[string][]string{
		"river_job": {"scheduled_at", "attempted_at", "created_at"}, "river_leader": {"elected_at", "expires_at"},
		"afterglow_process": {"started_at", "beat_at"},
	} {
		for _, c := range columns {
			s.exec("UPDATE " + table + " SET " + shift(c))
		}
	}
}

func TestAClockThatIsSetKeepsNothingUpAndRunsNothingTwice(t *testing.T) {
	for name, hours := range map[string]int{"back": 1, "forward": -1} {
		t.Run(name, func(t *testing.T) {
			onEach(t, func(t *testing.T, s store) {
				const deadAfter = 3 * time.Second
				starts, goOn := make(chan int, 10), make(chan struct{})
				slow := durable.Define("slow", durable.Options{Timeout: time.Hour}, func(_ context.Context, id int) error {
					starts <- id
					<-goOn
					return nil
				})
				cfg := durable.Config{DeadAfter: deadAfter, Queues: map[string]int{"default": 1}}
				q := s.queue(cfg, slow)
				running, err := slow.Enqueue(t.Context(), q, 1)
				require.NoError(t, err)
				require.Equal(t, 1, receive(t, starts))
				waits, err := slow.Enqueue(t.Context(), q, 2) // due, and behind the first
				require.NoError(t, err)

				s.setClock(hours)
				other := s.queue(durable.Config{DeadAfter: deadAfter, Queues: map[string]int{"other": 1}}, slow) // looks for dead processes, too
				require.Never(t, func() bool { return len(starts) > 0 }, 2*deadAfter, 50*time.Millisecond, "a live process's task runs on")
				close(goOn)
				require.Equal(t, 2, receive(t, starts), "it was due")
				require.Equal(t, 1, s.await(q, running.ID, durable.StateDone).Attempt)
				require.Equal(t, 1, s.await(q, waits.ID, durable.StateDone).Attempt)
				require.Zero(t, other.Counts()[0].Returned)
				e, err := slow.Enqueue(t.Context(), q, 3)
				require.NoError(t, err)
				s.await(q, e.ID, durable.StateDone)
			})
		})
	}
}
