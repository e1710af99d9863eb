package tests

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/console"
)

func TestVerdictsOnDurableQueuesAgreeWithTheirAlerts(t *testing.T) {
	const deadLetters, tooOld = "AfterglowDurableDeadLetters", "AfterglowDurableOldestTooOld"
	for name, s := range map[string]struct {
		due    time.Duration
		paused bool
		dead   time.Duration // ago; 0: no dead letter
		want   map[string]string
	}{
		"all is well":                  {due: 50 * time.Second, want: map[string]string{}},
		"a task waits":                 {due: 2 * time.Minute, want: map[string]string{"": "watch"}},
		"for as long as the alert has": {due: 6 * time.Minute, want: map[string]string{tooOld: "watch"}},
		"for so long that it fires":    {due: 8 * time.Minute, want: map[string]string{tooOld: "warning"}},
		"in a paused queue":            {due: time.Hour, paused: true, want: map[string]string{}},
		"a new dead letter":            {dead: 14 * time.Minute, want: map[string]string{deadLetters: "warning"}},
		"an old one":                   {dead: 16 * time.Minute, want: map[string]string{"": "watch"}},
	} {
		t.Run(name, func(t *testing.T) {
			q := console.DurableQueue{Name: "default", Paused: s.paused, States: []console.DurableState{{State: "due", Count: 1, Age: s.due}}}
			var groups console.DeadGroups
			if s.dead > 0 {
				q.States = append(q.States, console.DurableState{State: "dead", Count: 1})
				groups.Groups = []console.DeadGroup{{ID: "g", Name: "order.receipt", Count: 1, Last: time.Now().Add(-s.dead)}}
			}
			c := newConsole(t, console.Config{RunbookURL: "https://example.org/runbook", Durable: []console.Durable{{
				Name:   "tasks",
				Queues: func(context.Context) ([]console.DurableQueue, error) { return []console.DurableQueue{q}, nil },
				Groups: func(context.Context) (console.DeadGroups, error) { return groups, nil },
			}}})
			get(t, c, "/durable")
			got := make(map[string]string)
			for _, v := range look(t, c).Verdicts {
				got[v.Alert] = v.Level
				require.Equal(t, v.Alert != "", v.Runbook != "", v.Text)
			}
			require.Equal(t, s.want, got)
		})
	}
}
