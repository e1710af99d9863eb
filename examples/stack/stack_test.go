package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/afterglow-go/afterglow/durable/pgtest"
	"github.com/afterglow-go/afterglow/examples/internal/alerts"
)

// patience is for a machine that runs other tests beside.
const patience = 2 * time.Minute

// programs is where the stack's own are built, once for all tests.
var programs string // written before the tests begin

var built = sync.OnceValue(func() error { return buildPrograms(context.Background(), programs) })

// withPostgres stops the Postgres that a test may have started.
type withPostgres struct{ *testing.M }

func (m withPostgres) Run() int { return pgtest.Main(m.M) }

func TestMain(m *testing.M) {
	if role := os.Getenv(childRole); role != "" {
		os.Exit(child(role))
	}
	// Most of the time a stack waits, so a processor is enough for some of them.
	if err := flag.Set("test.parallel", strconv.Itoa(3*runtime.NumCPU())); err != nil {
		panic(err)
	}
	// The image's programs are built without cgo. With the same settings a stack's programs share what was compiled.
	for name, value := range map[string]string{"CGO_ENABLED": "0", "GOFLAGS": ""} { // -race needs cgo
		if err := os.Setenv(name, value); err != nil {
			panic(err)
		}
	}
	dir, err := os.MkdirTemp("", "afterglow-stack-test")
	if err != nil {
		panic(err)
	}
	programs = dir
	goleak.VerifyTestMain(withPostgres{m}, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(dir)
		os.Exit(code)
	}))
}

// testStack is a whole stack of its own.
type testStack struct {
	*stack
	t      *testing.T
	client *http.Client
	began  time.Time
	mails  *mailServer // of the scenarios that have one
	pace   pace

	mu       sync.Mutex
	watched  []int                      // processes; guarded by mu
	received []alerts.Alert             // guarded by mu
	held     map[string]map[string]bool // alerts that were held back, by whom; guarded by mu
}

// startStack starts a stack whose time is compressed, with one shop. "{dir}" in
// its flags is the directory of the stack, and "{smtp}" the address of a mail server.
func startStack(t *testing.T, change func(*options), flags ...string) *testStack {
	t.Helper()
	if testing.Short() {
		t.Skip("the servers take minutes to build; make test builds them")
	}
	require.NoError(t, built())
	ts := &testStack{
		t: t, began: time.Now(),
		client: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience},
	}
	o := options{
		dir: t.TempDir(), programs: programs, compression: compression,
		onAlert: func(a alerts.Alert) {
			ts.mu.Lock()
			defer ts.mu.Unlock()
			ts.received = append(ts.received, a)
		},
	}
	for _, flag := range flags {
		if flag == "{smtp}" {
			ts.mails = startMailServer(t)
			flag = ts.mails.addr
		}
		o.shopFlags = append(o.shopFlags, strings.ReplaceAll(flag, "{dir}", o.dir))
	}
	change(&o)
	var err error
	ts.stack, err = start(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, ts.stop()) })
	for _, v := range ts.servers {
		ts.watched = append(ts.watched, v.process.PID())
	}
	ts.pace.watch(t, ts.pids)
	ts.watchInhibition()
	return ts
}

// watchInhibition notes which alerts Alertmanager holds back, as many of them
// end before the test would ask.
func (ts *testStack) watchInhibition() {
	ts.held = make(map[string]map[string]bool)
	done, ended := make(chan struct{}), make(chan struct{})
	ts.t.Cleanup(func() { close(done); <-ended })
	go func() {
		defer close(ended)
		tick := time.NewTicker(500 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				ts.noteInhibition()
			}
		}
	}()
}

func (ts *testStack) noteInhibition() {
	resp, err := ts.client.Get(ts.alertmanagerURL + "/api/v2/alerts")
	if err != nil {
		return // the next time
	}
	defer resp.Body.Close()
	var all []struct {
		Labels      map[string]string
		Fingerprint string
		Status      struct{ InhibitedBy []string }
	}
	if json.NewDecoder(resp.Body).Decode(&all) != nil {
		return
	}
	names := make(map[string]string) // by fingerprint
	for _, a := range all {
		names[a.Fingerprint] = a.Labels["alertname"]
	}
	ts.mu.Lock()
	defer ts.mu.Unlock()
	for _, a := range all {
		for _, by := range a.Status.InhibitedBy {
			name := a.Labels["alertname"]
			if ts.held[name] == nil {
				ts.held[name] = make(map[string]bool)
			}
			ts.held[name][names[by]] = true
		}
	}
}

// inhibits reports whether one alert, or anyOther, has held back another so far.
func (ts *testStack) inhibits(source, target string) bool {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	return ts.held[target][source] || source == anyOther && len(ts.held[target]) > 0
}

// told returns what came to the webhook so far of alerts with this status, by
// name.
func (ts *testStack) told(status string) map[string]alerts.Alert {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	found := make(map[string]alerts.Alert)
	for _, a := range ts.received {
		if a.Status == status {
			found[a.Name()] = a
		}
	}
	return found
}

// forget has told begin anew.
func (ts *testStack) forget() {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	ts.received = nil
}

// get decodes the answer of a server.
func (ts *testStack) get(address string, into any) {
	ts.t.Helper()
	resp, err := ts.client.Get(address)
	require.NoError(ts.t, err)
	defer resp.Body.Close()
	var body json.RawMessage
	require.NoError(ts.t, json.NewDecoder(resp.Body).Decode(&body), address)
	require.Equal(ts.t, http.StatusOK, resp.StatusCode, "%s: %s", address, body)
	require.NoError(ts.t, json.Unmarshal(body, into), "%s: %s", address, body)
}

// series is one of a query's result.
type series struct {
	Metric map[string]string
	Value  [2]any   // of an instant
	Values [][2]any // of a range
}

// number is the value at an instant.
func (s series) number(t *testing.T) float64 {
	t.Helper()
	text, _ := s.Value[1].(string)
	v, err := strconv.ParseFloat(text, 64)
	require.NoError(t, err)
	return v
}

// query asks Prometheus for the value at this instant.
func (ts *testStack) query(expr string) []series {
	ts.t.Helper()
	return ts.ask("/api/v1/query", url.Values{"query": {expr}})
}

// queryRange asks Prometheus for the values since the stack was started.
func (ts *testStack) queryRange(expr string) []series {
	ts.t.Helper()
	at := func(t time.Time) []string { return []string{strconv.FormatInt(t.Unix(), 10)} }
	return ts.ask("/api/v1/query_range", url.Values{
		"query": {expr}, "start": at(ts.began), "end": at(time.Now()), "step": {"1"},
	})
}

func (ts *testStack) ask(path string, values url.Values) []series {
	ts.t.Helper()
	var body struct {
		Data struct {
			ResultType string
			Result     json.RawMessage
		}
		Infos []string
	}
	ts.get(ts.prometheusURL+path+"?"+values.Encode(), &body)
	if body.Data.ResultType == "scalar" {
		return []series{{}}
	}
	var result []series
	require.NoError(ts.t, json.Unmarshal(body.Data.Result, &result), values.Get("query"))
	return result
}

// fired lists the alerts that have fired since the stack was started.
func (ts *testStack) fired() []string {
	ts.t.Helper()
	var names []string
	for _, s := range ts.queryRange(`count by (alertname) (ALERTS{alertstate="firing"})`) {
		names = append(names, s.Metric["alertname"])
	}
	slices.Sort(names)
	return names
}

// shops starts one more shop.
func (ts *testStack) shops(args ...string) *shop {
	ts.t.Helper()
	sh, err := ts.startShop(ts.t.Context(), args...)
	require.NoError(ts.t, err)
	return sh
}

// breaks puts faults in force in the first shop.
func (ts *testStack) breaks(faults string) {
	ts.t.Helper()
	req, err := http.NewRequestWithContext(ts.t.Context(), http.MethodPut, ts.first.ops+"/faults", strings.NewReader(faults))
	require.NoError(ts.t, err)
	resp, err := ts.client.Do(req)
	require.NoError(ts.t, err)
	defer resp.Body.Close()
	require.Equal(ts.t, http.StatusOK, resp.StatusCode)
}

// eventually waits until ok, and says what it was waiting for.
func (ts *testStack) eventually(ok func() bool, what string, args ...any) {
	ts.t.Helper()
	if !ok() {
		require.Eventually(ts.t, ok, patience, 250*time.Millisecond, "%s", message{what, args})
	}
}

// message is formatted when it is needed.
type message struct {
	format string
	args   []any
}

func (m message) String() string { return fmt.Sprintf(m.format, m.args...) }
