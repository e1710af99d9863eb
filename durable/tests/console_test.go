package durable_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/console"
	"github.com/afterglow-go/afterglow/durable"
	"github.com/afterglow-go/afterglow/durable/consoleview"
	"github.com/afterglow-go/afterglow/runner"
)

// The page leads from the queue to the groups of its dead letters, to one of them, and back
// to work.
func TestTheConsoleShowsDeadLettersAndRetriesThem(t *testing.T) {
	onEach(t, func(t *testing.T, s store) {
		broken := make(chan bool, 1)
		broken <- true
		task := durable.Define("order.receipt", durable.Options{}, func(_ context.Context, order string) error {
			is := <-broken
			broken <- is
			if is {
				return runner.Permanent(errors.New("no template for order " + order))
			}
			return nil
		})
		q := s.queue(durable.Config{}, task)
		c, err := console.New(console.Config{Durable: []console.Durable{consoleview.Of("mails", q)}, Actions: true})
		require.NoError(t, err)
		t.Cleanup(c.Close)
		for _, order := range []string{"7", "8"} {
			_, err := task.Enqueue(t.Context(), q, order, durable.Ref("order "+order))
			require.NoError(t, err)
		}
		dead := func() int {
			stats, err := q.Stats(t.Context())
			require.NoError(t, err)
			return stats.Queues[0].Tasks[durable.StateDead]
		}
		require.Eventually(t, func() bool { return dead() == 2 }, patience, 20*time.Millisecond)

		var groups struct {
			Durable []struct {
				Name   string
				Queues []console.DurableQueue
				Dead   console.DeadGroups
			}
		}
		show(t, c, "/durable.json", &groups)
		require.Len(t, groups.Durable, 1)
		require.Equal(t, "mails", groups.Durable[0].Name)
		require.Contains(t, groups.Durable[0].Queues[0].States, console.DurableState{State: "dead", Count: 2})
		require.Len(t, groups.Durable[0].Dead.Groups, 1, "they differ in a number only")
		group := groups.Durable[0].Dead.Groups[0]
		require.Equal(t, 2, group.Count)

		var letters console.DeadLetters
		at := "?" + url.Values{"queue": {"mails"}, "group": {group.ID}}.Encode()
		show(t, c, "/letters.json"+at, &letters)
		require.Len(t, letters.Tasks, 2)
		require.Equal(t, "order 8", letters.Tasks[0].Ref)
		require.Contains(t, letters.Tasks[0].Error, "no template for order 8")
		require.Contains(t, letters.Tasks[0].Function, "durable/tests/console_test.go:")

		<-broken
		broken <- false
		form := url.Values{"queue": {"mails"}, "group": {group.ID}}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/retry", strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		c.ServeHTTP(w, r)
		require.Less(t, w.Code, http.StatusBadRequest, w.Body)
		require.Eventually(t, func() bool { return dead() == 0 && q.Snapshot().Outcomes[runner.OutcomeSuccess] == 2 }, patience, 20*time.Millisecond)

		var overview struct {
			Verdicts []struct{ Alert string }
			Runners  []struct{ Places []console.Places }
		}
		show(t, c, "/overview.json", &overview)
		require.Len(t, overview.Runners, 1)
		require.Empty(t, overview.Runners[0].Places, "it has the places of its disk")
		for _, v := range overview.Verdicts {
			require.NotEqual(t, "AfterglowQueueFillingUp", v.Alert)
		}
	})
}

// show reads a page of the console.
func show(t *testing.T, c http.Handler, target string, into any) {
	t.Helper()
	w := httptest.NewRecorder()
	c.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, nil))
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), into), w.Body)
}
