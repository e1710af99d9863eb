package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/afterglow-go/afterglow/durable/pgtest"
)

// withPostgres stops the Postgres that tests may have started.
type withPostgres struct{ *testing.M }

func (m withPostgres) Run() int { return pgtest.Main(m.M) }

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(withPostgres{m}, goleak.Cleanup(func(code int) {
		removeProgram()
		os.Exit(code)
	}))
}

const patience = 20 * time.Second

// testShop is the program itself, on free ports, with a database of its own.
type testShop struct {
	t              *testing.T
	url, ops, db   string
	stdout, stderr *output
	client         *http.Client
	cancel         context.CancelFunc
	ended          chan struct{}
	err            error // written before ended is closed
}

// startShop runs main's run and waits until it serves.
func startShop(t *testing.T, args ...string) *testShop {
	t.Helper()
	s := &testShop{
		t: t, db: filepath.Join(t.TempDir(), "shop.db"), stdout: new(output), stderr: new(output),
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100}, Timeout: patience},
		ended:  make(chan struct{}),
	}
	ctx, cancel := context.WithCancel(t.Context())
	s.cancel = cancel
	args = s.somewhere(args)
	go func() {
		defer close(s.ended)
		s.err = run(ctx, args, s.stdout, s.stderr)
	}()
	t.Cleanup(func() {
		_ = s.stop()
		if t.Failed() {
			t.Logf("the shop said:\n%s", s.stdout)
		}
	})
	s.url, s.ops = s.stdout.addresses(t, s.ended)
	return s
}

// somewhere adds free ports and a database to the flags, unless they name one.
func (s *testShop) somewhere(flags []string) []string {
	args := []string{"-addr", "127.0.0.1:0", "-ops", "127.0.0.1:0"}
	if !slices.Contains(flags, "-durable") {
		args = append(args, "-db", s.db)
	}
	return append(args, flags...)
}

// stop is Ctrl-C; it returns what run returned.
func (s *testShop) stop() error {
	s.cancel()
	s.client.CloseIdleConnections()
	select {
	case <-s.ended:
	case <-time.After(2 * patience):
		s.t.Error("the shop does not end")
	}
	return s.err
}

// output is a buffer that may be written and read at once.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer // guarded by mu
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

var printedAddresses = regexp.MustCompile(`(?s)(?:shop +(http://\S+).*)?ops +(http://\S+)`)

// addresses waits for the greeting and reads them from it. A worker has no first one.
func (o *output) addresses(t *testing.T, ended <-chan struct{}) (shop, ops string) {
	t.Helper()
	require.Eventually(t, func() bool {
		select {
		case <-ended:
			return true
		default:
			return strings.Contains(o.String(), "Three things to try") || strings.Contains(o.String(), "Place orders at a shop")
		}
	}, patience, 5*time.Millisecond)
	m := printedAddresses.FindStringSubmatch(o.String())
	require.NotNil(t, m, "the shop has printed no addresses: %s", o)
	return m[1], m[2]
}

// answer is a response, read to its end.
type answer struct {
	status int
	header http.Header
	body   string
	closed bool // the server has closed the connection with it
}

func (s *testShop) do(req *http.Request) answer {
	s.t.Helper()
	resp, err := s.client.Do(req)
	require.NoError(s.t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(s.t, err)
	return answer{resp.StatusCode, resp.Header, string(body), resp.Close}
}

func (s *testShop) request(method, url, body string, header ...string) *http.Request {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, url, strings.NewReader(body))
	require.NoError(s.t, err)
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	return req
}

func (s *testShop) get(url string, header ...string) answer {
	s.t.Helper()
	return s.do(s.request(http.MethodGet, url, "", header...))
}

func (s *testShop) post(path, body string, header ...string) answer {
	s.t.Helper()
	return s.do(s.request(http.MethodPost, s.url+path, body, header...))
}

const adasOrder = `{"name":"Ada Lovelace","email":"ada@example.org","product":"lantern","quantity":2}`

// order places Ada's order.
func (s *testShop) order(header ...string) placed {
	s.t.Helper()
	a := s.post("/api/orders", adasOrder, header...)
	require.Equal(s.t, http.StatusCreated, a.status, a.body)
	return decode[placed](s.t, a.body)
}

// complete waits until the order's after-work is done.
func (s *testShop) complete(id string) orderState {
	s.t.Helper()
	var state orderState
	require.Eventually(s.t, func() bool {
		state = decode[orderState](s.t, s.get(s.url+"/api/orders/"+id).body)
		return state.Complete
	}, patience, 10*time.Millisecond)
	return state
}

func decode[T any](t *testing.T, s string) (v T) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(s), &v), s)
	return v
}

// count returns the number a query of the shop's database yields.
func count(t *testing.T, file, query string, args ...any) (n int) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+file+"?mode=ro&_pragma=busy_timeout(5000)")
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	require.NoError(t, db.QueryRowContext(t.Context(), query, args...).Scan(&n))
	return n
}

// sample is one line of an exposition.
type sample struct {
	name     string
	labels   map[string]string
	value    float64
	exemplar map[string]string // nil if it has none
}

type exposition []sample

var (
	sampleLine = regexp.MustCompile(`^([a-zA-Z_:]+)(?:\{([^}]*)\})? (\S+)(?: # \{([^}]*)\} .*)?$`)
	labelPair  = regexp.MustCompile(`(\w+)="([^"]*)"`)
)

// metrics scrapes the ops address in the format that has exemplars.
func (s *testShop) metrics() exposition {
	s.t.Helper()
	a := s.get(s.ops+"/metrics", "Accept", "application/openmetrics-text; version=1.0.0")
	require.Equal(s.t, http.StatusOK, a.status, a.body)
	return parseExposition(s.t, a.body)
}

// drainedMetrics stops a shop that was started with -linger and returns the
// scrape that it lingers for.
func (s *testShop) drainedMetrics() exposition {
	s.t.Helper()
	s.cancel()
	require.Eventually(s.t, func() bool { return strings.Contains(s.stdout.String(), " drained in ") }, patience, 5*time.Millisecond)
	return s.metrics()
}

func parseExposition(t *testing.T, text string) (all exposition) {
	t.Helper()
	for line := range strings.Lines(text) {
		m := sampleLine.FindStringSubmatch(strings.TrimSpace(line))
		if m == nil || strings.HasPrefix(line, "#") {
			continue
		}
		value, err := strconv.ParseFloat(m[3], 64)
		require.NoError(t, err, line)
		sm := sample{name: m[1], labels: labels(m[2]), value: value}
		if m[4] != "" {
			sm.exemplar = labels(m[4])
		}
		all = append(all, sm)
	}
	return all
}

func labels(s string) map[string]string {
	m := make(map[string]string)
	for _, pair := range labelPair.FindAllStringSubmatch(s, -1) {
		m[pair[1]] = pair[2]
	}
	return m
}

// count is sum for what is counted.
func (e exposition) count(name string, want ...string) int { return int(e.sum(name, want...)) }

// sum adds up the samples of a name that have these labels.
func (e exposition) sum(name string, want ...string) (total float64) {
samples:
	for _, s := range e {
		if s.name != name {
			continue
		}
		for i := 0; i < len(want); i += 2 {
			if s.labels[want[i]] != want[i+1] {
				continue samples
			}
		}
		total += s.value
	}
	return total
}
