package main

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/internal/tool"
)

var program struct {
	once sync.Once
	dir  string // of its own; "" until there is one
	file string
	err  error
}

// removeProgram leaves nothing behind of what startProgram has built.
func removeProgram() {
	if program.dir != "" {
		_ = os.RemoveAll(program.dir) // the system clears its temporary files
	}
}

// startProgram builds and starts the real program, as signals and exit codes
// are those of a process.
func startProgram(t *testing.T, args ...string) (*testShop, *exec.Cmd) {
	t.Helper()
	program.once.Do(func() {
		dir, err := os.MkdirTemp("", "shop-test-") //nolint:usetesting // it outlives the test: others run the program too
		if program.err = err; err != nil {
			return
		}
		program.dir, program.file = dir, filepath.Join(dir, "shop")
		args := append([]string{"build", "-o", program.file}, tool.BuildFlags()...) // a race fails the test by the exit code
		if out, err := exec.Command("go", append(args, ".")...).CombinedOutput(); err != nil {
			t.Logf("%s", out)
			program.err = err
		}
	})
	require.NoError(t, program.err, "go build")
	s := &testShop{
		t: t, db: filepath.Join(t.TempDir(), "shop.db"), stdout: new(output), stderr: new(output),
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100}, Timeout: patience},
		ended:  make(chan struct{}),
	}
	cmd := exec.CommandContext(t.Context(), program.file, s.somewhere(args)...)
	cmd.Stdout, cmd.Stderr = s.stdout, s.stderr
	require.NoError(t, cmd.Start())
	s.cancel = func() { _ = cmd.Process.Signal(syscall.SIGTERM) }
	go func() {
		defer close(s.ended)
		s.err = cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // if it has not ended
		<-s.ended
		s.client.CloseIdleConnections()
		if t.Failed() {
			t.Logf("the shop said:\n%s\n%s", s.stdout, s.stderr)
		}
	})
	s.url, s.ops = s.stdout.addresses(t, s.ended)
	return s, cmd
}

// exit waits for the program to end and returns its exit code.
func (s *testShop) exit(cmd *exec.Cmd) int {
	s.t.Helper()
	select {
	case <-s.ended:
	case <-time.After(2 * patience):
		require.Fail(s.t, "the shop does not end")
	}
	return cmd.ProcessState.ExitCode()
}

func TestSIGTERMUnderLoadLosesNothingAccepted(t *testing.T) {
	s, cmd := startProgram(t, "-smtp-delay", "40ms", "-linger", "20s", "-log-level", "warn", "-drain", "20s", "-load", "1")
	// Clients that order until the shop closes, each when it has the answer to its last
	// order. So a slow machine has fewer orders, and no callback waits for the database
	// until its time is over.
	const parallel = 4
	var clients sync.WaitGroup
	acknowledged := make(chan int, parallel)
	for range parallel {
		clients.Go(func() {
			n := 0
			defer func() { acknowledged <- n }()
			for {
				resp, err := s.client.Do(s.request(http.MethodPost, s.url+"/api/orders", adasOrder))
				if err != nil {
					return
				}
				_ = resp.Body.Close()
				switch resp.StatusCode {
				case http.StatusCreated:
					n++
				case http.StatusServiceUnavailable: // the shop is busy, or closes
				default:
					t.Errorf("status %d", resp.StatusCode)
				}
			}
		})
	}
	require.Eventually(t, func() bool { return s.metrics().sum("afterglow_asked_total") > 200 }, 3*patience, 20*time.Millisecond)
	m := s.drainedMetrics()
	require.Zero(t, s.exit(cmd), "exit code")
	clients.Wait()
	acks := 0
	for range parallel {
		acks += <-acknowledged
	}
	require.Positive(t, acks)
	require.Contains(t, s.stdout.String(), "nothing lost")

	// What was acknowledged is written, and so is all that runs after it.
	adas := `SELECT count(*) FROM orders WHERE email = 'ada@example.org'`
	require.Equal(t, acks, count(t, s.db, adas))
	orders := count(t, s.db, `SELECT count(*) FROM orders`)
	require.Equal(t, orders, count(t, s.db, `SELECT count(DISTINCT order_id) FROM activity`))
	require.Equal(t, orders, count(t, s.db, `SELECT count(DISTINCT order_id) FROM analytics`))
	requireConserved(t, m)
	require.Equal(t, 6*orders+count(t, s.db, `SELECT count(*) FROM signups`),
		m.count("afterglow_callbacks_total", "outcome", "success")+m.count("afterglow_callbacks_total", "outcome", "coalesced"), "each order's six, and each sign-up's one")
	t.Logf("%d orders, %d of them acknowledged to the test, %d callbacks skipped",
		orders, acks, m.count("afterglow_callbacks_total", "outcome", "skipped"))
}

func TestSIGTERMWithAHangingCallbackEndsInTimeAndNamesIt(t *testing.T) {
	s, cmd := startProgram(t, "-smtp-delay", "0s", "-drain", "1s", "-faults", "order.webhook=hang:1")
	oldest := s.order()
	// An open stream of events must not hold the end up either.
	resp, err := s.client.Do(s.request(http.MethodGet, s.url+"/api/orders/"+s.order().ID+"/events", ""))
	require.NoError(t, err)
	defer resp.Body.Close()
	start := time.Now()
	s.cancel()
	require.Equal(t, 1, s.exit(cmd), "exit code")
	require.Less(t, time.Since(start), 8*time.Second)
	require.Contains(t, s.stdout.String(), "2 x order.webhook abandoned")
	require.Contains(t, s.stdout.String(), `, ref "`+oldest.ID+`"`)
	require.Contains(t, s.stderr.String(), "closed with work lost")
}

// lateContext ends as soon as somebody gives it a function to call, and does not
// call it. The function of context.AfterFunc runs on a goroutine of its own, which
// may come later than anything else.
type lateContext struct {
	context.Context
	cancel func()
}

func (c lateContext) AfterFunc(func()) (stop func() bool) {
	c.cancel()
	return func() bool { return true }
}

// Value hides what package context would use instead.
func (lateContext) Value(any) any { return nil }

func TestAnEndThatIsSeenBeforeAfterFuncRunsIsStillClean(t *testing.T) {
	out := new(output)
	cfg, err := parseConfig([]string{"-addr", "127.0.0.1:0", "-ops", "127.0.0.1:0", "-db", filepath.Join(t.TempDir(), "shop.db")}, out)
	require.NoError(t, err)
	s, err := open(t.Context(), cfg, out, new(output))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	require.NoError(t, s.serveOrders(lateContext{ctx, cancel}))
	require.Contains(t, out.String(), "Closing: no more orders")
	require.Contains(t, out.String(), "nothing lost")
	require.NoError(t, s.close())
}

func TestSecondSignalEndsAtOnce(t *testing.T) {
	s, cmd := startProgram(t, "-smtp-delay", "0s", "-drain", "1h", "-faults", "order.webhook=hang:1")
	s.order()
	s.cancel()
	require.Eventually(t, func() bool { return strings.Contains(s.stdout.String(), "Closing") }, patience, 5*time.Millisecond)
	require.Equal(t, http.StatusServiceUnavailable, s.get(s.ops+"/readyz").status)
	require.Equal(t, http.StatusOK, s.get(s.ops+"/healthz").status)
	require.NoError(t, cmd.Process.Signal(os.Interrupt))
	require.Equal(t, 130, s.exit(cmd))
}

// A load balancer that asks /readyz now and then sends orders until it has asked.
func TestAShopThatIsNotReadyTakesOrdersUntilItsTimeIsOver(t *testing.T) {
	s, cmd := startProgram(t, "-smtp-delay", "0s", "-not-ready", "1h")
	s.cancel()
	require.Eventually(t, func() bool { return s.get(s.ops+"/readyz").status == http.StatusServiceUnavailable }, patience, 5*time.Millisecond)
	s.order()
	require.Contains(t, s.stdout.String(), "Not ready: orders for 1h0m0s more")
	require.NoError(t, cmd.Process.Signal(os.Interrupt))
	require.Equal(t, 130, s.exit(cmd))
}
