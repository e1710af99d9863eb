package tests

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
)

// served is a call of Serve in a bubble, over connections in memory.
type served struct {
	runner *runner.Runner
	server *http.Server
	stop   context.CancelFunc // ends the context of Serve
	ended  chan struct{}

	report runner.Report // written before ended is closed
	err    error         // written before ended is closed

	listener *pipeListener
	start    time.Time

	mu     sync.Mutex
	events []string // guarded by mu
}

// serveInBubble calls Serve. It is called in a bubble only.
func serveInBubble(t *testing.T, budgets runner.Budgets, srv *http.Server, cfg runner.Config) *served {
	t.Helper()
	s := &served{runner: newRunner(t, cfg), server: srv, ended: make(chan struct{}), listener: newPipeListener(), start: time.Now()}
	ctx, stop := context.WithCancel(t.Context())
	s.stop = stop
	go func() {
		defer close(s.ended)
		s.report, s.err = s.runner.Serve(ctx, srv, s.listener, budgets)
		s.note("served")
	}()
	t.Cleanup(func() {
		stop()
		<-s.ended
	})
	return s
}

// note adds an event, with the time since the start.
func (s *served) note(event string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, time.Since(s.start).String()+" "+event)
}

func (s *served) noted() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.events)
}

// get sends a request on a connection of its own and returns the status; 0 if there
// is no response.
func (s *served) get(t *testing.T, path string) int {
	t.Helper()
	select {
	case <-s.listener.done:
		return 0
	default:
	}
	client, br := s.listener.dial()
	defer client.Close()
	_, err := io.WriteString(client, "GET "+path+" HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n")
	if err != nil {
		return 0
	}
	res, err := http.ReadResponse(br, nil)
	if err != nil {
		return 0
	}
	_, _ = io.Copy(io.Discard, res.Body)
	return res.StatusCode
}

func TestServeEndsCleanly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s *served
		mux := http.NewServeMux()
		mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
			if !s.runner.Ready() {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
		})
		mux.HandleFunc("GET /slow", func(_ http.ResponseWriter, req *http.Request) {
			err := runner.After(req.Context(), "slow", func(ctx context.Context) error {
				s.note("callback begins")
				defer s.note("callback ends")
				return lasting(4 * time.Second)(ctx)
			})
			if err != nil {
				t.Error(err)
			}
			time.Sleep(12 * time.Second)
			s.note("response")
		})
		budgets := runner.Budgets{NotReady: 5 * time.Second, Server: 20 * time.Second, Callbacks: 10 * time.Second}
		s = serveInBubble(t, budgets, &http.Server{Handler: mux}, runner.Config{})
		require.Equal(t, 200, s.get(t, "/readyz"))
		require.Equal(t, 404, s.get(t, "/none"))

		time.Sleep(time.Second)
		var slow int
		var client sync.WaitGroup
		client.Go(func() { slow = s.get(t, "/slow") })
		synctest.Wait()
		s.stop()
		synctest.Wait()
		require.False(t, s.runner.Ready())
		time.Sleep(4 * time.Second)
		require.Equal(t, 503, s.get(t, "/readyz"), "it serves on for load balancers that have not seen it yet")
		time.Sleep(2 * time.Second)
		require.Zero(t, s.get(t, "/readyz"), "it takes no connection any more")
		client.Wait()
		require.Equal(t, 200, slow)
		<-s.ended
		require.NoError(t, s.err)
		require.Equal(t, []string{"13s response", "13s callback begins", "17s callback ends", "17s served"}, s.noted())
		require.Equal(t, 1, s.report.Pending)
		require.Equal(t, 1, s.report.Completed)
		require.Empty(t, s.report.Lost)
		require.True(t, s.runner.Stats().Closed)
	})
}

func TestServeSaysWhetherRequestsWereCutOffOrCallbacksLost(t *testing.T) {
	for _, heeds := range []bool{true, false} {
		t.Run(fmt.Sprintf("a request that heeds its context %t", heeds), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				mux := http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
					if err := runner.After(req.Context(), "order.email", nothing); err != nil {
						t.Error(err)
					}
					if heeds {
						<-req.Context().Done()
					} else {
						time.Sleep(time.Hour)
					}
				})
				s := serveInBubble(t, runner.Budgets{Server: 2 * time.Second, Callbacks: 3 * time.Second}, &http.Server{Handler: mux}, runner.Config{})
				go s.get(t, "/")
				synctest.Wait()
				s.stop()
				<-s.ended
				require.ErrorIs(t, s.err, runner.ErrRequestsCutOff)
				if !heeds {
					require.Len(t, s.report.Lost, 1)
					require.Equal(t, "order.email", s.report.Lost[0].Name)
					require.Equal(t, 5*time.Second-300*time.Millisecond, time.Since(s.start).Round(time.Millisecond))
				} else {
					require.Empty(t, s.report.Lost)
				}
				time.Sleep(2 * time.Hour) // the handler returns at last
			})
		})
	}
}

// failingListener fails when it is told to.
type failingListener struct {
	*pipeListener
	fail chan error
}

func (l failingListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case err := <-l.fail:
		return nil, err
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func TestServeDrainsWhenTheServerFails(t *testing.T) {
	for _, when := range []string{"serving", "not ready"} {
		t.Run(when, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRunner(t, runner.Config{})
				l := failingListener{newPipeListener(), make(chan error, 1)}
				ctx, stop := context.WithCancel(t.Context())
				defer stop()
				var report runner.Report
				ended := make(chan error, 1)
				go func() {
					var err error
					report, err = r.Serve(ctx, new(http.Server), l, runner.Budgets{NotReady: time.Hour})
					ended <- err
				}()
				require.NoError(t, r.Go(t.Context(), "it", lasting(3*time.Second)))
				synctest.Wait()
				require.True(t, r.Ready())
				if when == "not ready" {
					stop()
				}
				start := time.Now()
				l.fail <- errBroken
				synctest.Wait()
				require.False(t, r.Ready())
				require.ErrorIs(t, <-ended, errBroken)
				require.Equal(t, 3*time.Second, time.Since(start), "it does not wait for what has no use any more")
				require.Equal(t, 1, report.Completed)
				<-l.done // closed
			})
		})
	}
}

func TestServeWithAContextThatHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		stop()
		for range 20 { // the server may begin before or after it is shut down
			r := newRunner(t, runner.Config{})
			l := newPipeListener()
			report, err := r.Serve(ctx, new(http.Server), l, runner.Budgets{})
			require.NoError(t, err)
			require.Zero(t, report.Pending)
			<-l.done
		}
	})
}

func TestServeKeepsWhatTheServerHas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type key struct{}
		states := make(map[http.ConnState]int)
		shutdown := make(chan struct{})
		var value any
		srv := &http.Server{
			ConnContext: func(ctx context.Context, _ net.Conn) context.Context { return context.WithValue(ctx, key{}, "mine") },
			ConnState:   func(_ net.Conn, s http.ConnState) { states[s]++ },
			Handler:     http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) { value = req.Context().Value(key{}) }),
		}
		srv.RegisterOnShutdown(func() { close(shutdown) })
		s := serveInBubble(t, runner.Budgets{}, srv, runner.Config{})
		require.Equal(t, 200, s.get(t, "/"))
		synctest.Wait()
		require.Equal(t, "mine", value)
		require.Equal(t, map[http.ConnState]int{http.StateNew: 1, http.StateActive: 1, http.StateClosed: 1}, states)
		s.stop()
		<-s.ended
		<-shutdown
		require.NoError(t, s.err)
	})
}

// It must not be changed for the whole process, so the test only asks for a path that
// the default mux does not have.
func TestServeWithoutAHandlerUsesTheDefaultMux(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serveInBubble(t, runner.Budgets{}, new(http.Server), runner.Config{})
		require.Equal(t, 404, s.get(t, "/no/such/path"))
	})
}

// Callbacks start once the response is with the kernel: Serve has called Bind.
func TestServeOverLoopback(t *testing.T) {
	r := newRunner(t, runner.Config{})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	written := make(chan int64, 1)
	srv := &http.Server{
		ConnContext: func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, connKey{}, c) },
		Handler: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			conn := req.Context().Value(connKey{}).(*countingConn)
			err := runner.After(req.Context(), "it", func(context.Context) error { written <- conn.written.Load(); return nil })
			if err != nil {
				t.Error(err)
			}
			_, _ = io.WriteString(w, "hello")
		}),
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan error, 1)
	go func() {
		_, err := r.Serve(ctx, srv, countingListener{ln}, runner.Budgets{})
		ended <- err
	}()
	conn, err := net.Dial("tcp", ln.Addr().String())
	require.NoError(t, err)
	defer conn.Close()
	read := &countingReader{r: conn}
	br := bufio.NewReader(read)
	for range 200 {
		before := read.n
		_, err = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: shop\r\n\r\n")
		require.NoError(t, err)
		res, err := http.ReadResponse(br, nil)
		require.NoError(t, err)
		body, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		require.Equal(t, "hello", string(body))
		require.Greater(t, read.n, before)
		require.GreaterOrEqual(t, <-written, read.n)
	}
	require.True(t, r.Ready())
	stop()
	require.NoError(t, <-ended, "an idle connection holds nothing up")
	require.False(t, r.Ready())
	_, err = net.Dial("tcp", ln.Addr().String())
	require.Error(t, err)
}

func TestARunnerIsReadyUntilItDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRunner(t, runner.Config{})
		require.True(t, r.Ready())
		require.NoError(t, r.Go(t.Context(), "it", func(ctx context.Context) error {
			<-runner.Draining(ctx)
			if r.Ready() {
				t.Error("it is ready although it drains")
			}
			return nil
		}))
		synctest.Wait()
		require.True(t, r.Ready())
		drain(t, r)
		require.False(t, r.Ready())
	})
}
