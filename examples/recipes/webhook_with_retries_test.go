package recipes_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/examples/recipes"
	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/runner/runnertest"
)

// direct calls the partner's handler without a network, so that the time of a bubble passes.
type direct struct{ http.Handler }

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	return w.Result(), nil
}

func TestAWebhookComesBackWhenThePartnerSays(t *testing.T) {
	type answer struct {
		status     int
		retryAfter string
	}
	date := func(d time.Duration) string { return time.Now().Add(d).UTC().Format(http.TimeFormat) }
	const ok = http.StatusNoContent
	for name, tt := range map[string]struct {
		answers []answer
		least   time.Duration // until the last attempt
		most    time.Duration
		outcome runner.Outcome
	}{
		"seconds":                   {[]answer{{429, "120"}, {ok, ""}}, 2 * time.Minute, 2 * time.Minute, runner.OutcomeSuccess},
		"a date":                    {[]answer{{503, "in 3 minutes"}, {ok, ""}}, 3*time.Minute - time.Second, 3 * time.Minute, runner.OutcomeSuccess},
		"too long":                  {[]answer{{503, "86400"}, {ok, ""}}, 10 * time.Minute, 10 * time.Minute, runner.OutcomeSuccess},
		"beyond all time":           {[]answer{{503, "9223372036854775807"}, {ok, ""}}, 10 * time.Minute, 10 * time.Minute, runner.OutcomeSuccess},
		"in the past":               {[]answer{{503, "-60"}, {ok, ""}}, 0, time.Second, runner.OutcomeSuccess},
		"nothing said":              {[]answer{{500, ""}, {502, ""}, {ok, ""}}, 1500 * time.Millisecond, 3 * time.Second, runner.OutcomeSuccess},
		"what will not change":      {[]answer{{410, "120"}}, 0, 0, runner.OutcomeError},
		"what cannot be understood": {[]answer{{503, "soon"}, {ok, ""}}, 500 * time.Millisecond, time.Second, runner.OutcomeSuccess},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begin := time.Now()
				var at []time.Duration
				keys := make(map[string]bool)
				partner := direct{http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					a := tt.answers[len(at)]
					at = append(at, time.Since(begin))
					keys[r.Header.Get("Idempotency-Key")] = true
					if a.retryAfter == "in 3 minutes" {
						a.retryAfter = date(3 * time.Minute)
					}
					w.Header().Set("Retry-After", a.retryAfter)
					w.WriteHeader(a.status)
				})}
				hook := &recipes.Webhook{URL: "http://partner.example/orders", Client: &http.Client{Transport: partner}}
				rt := runnertest.New(t, runner.Config{})
				require.NoError(t, rt.Run(func(ctx context.Context) error { return hook.After(ctx, "7", []byte("{}")) }))
				require.Len(t, at, len(tt.answers))
				require.GreaterOrEqual(t, at[len(at)-1], tt.least)
				require.LessOrEqual(t, at[len(at)-1], tt.most)
				require.Equal(t, []runner.Outcome{tt.outcome}, rt.Recorder.Outcomes("order.webhook"))
				require.Equal(t, map[string]bool{"order-7": true}, keys)
			})
		})
	}
}
