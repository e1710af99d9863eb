package tests

import (
	"context"
	"flag"
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
)

var shutdowns = flag.Int("exacth2.shutdowns", 15, "runs of TestShutdownIsOnTime")

// A Shutdown lets open streams finish, and their callbacks begin at their end.
func TestShutdownFinishesOpenStreams(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		r, b := newRunner(t, runner.Config{}), make(begins, 1)
		leave, asked := make(chan struct{}), make(chan struct{})
		s := exact(t, k, r.Middleware(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if err := b.after(req.Context()); err != nil {
				t.Error(err)
			}
			close(asked)
			<-leave
			_, _ = io.WriteString(w, "hello")
		})))
		p := s.connect(t)
		stream := p.get("/")
		<-asked
		down := make(chan error, 1)
		go func() { down <- s.srv.Shutdown(t.Context()) }()
		p.until(of(0, goAway))
		require.Empty(t, down)
		b.none(t, "before its response had ended")
		close(leave)
		end := p.end(stream)
		require.Equal(t, "hello", p.body(stream))
		require.GreaterOrEqual(t, <-b, end)
		require.NoError(t, p.nc.Close())
		require.NoError(t, <-down)
	})
}

// Shutdown tells connections on which nothing happens, and does not wait for the client for
// longer than net/http does.
func TestShutdownEndsIdleConnections(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		synctest.Test(t, func(t *testing.T) {
			s := exact(t, k, answers(t), inMemory)
			p := s.connect(t)
			greet(p)
			gone := make(chan struct{})
			go func() { // it never leaves by itself
				defer close(gone)
				for {
					if _, err := p.read(); err != nil {
						return
					}
				}
			}()
			begin := time.Now()
			require.NoError(t, s.srv.Shutdown(t.Context()))
			require.Less(t, time.Since(begin), 2*time.Second, "net/http waits for one second, and looks twice a second")
			<-gone
			require.True(t, slices.ContainsFunc(p.seen, of(0, goAway)))
		})
	})
}

// A connection that comes during a Shutdown is told to go away, and does not hold it.
func TestAConnectionThatComesDuringShutdownGoesAway(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		var s *site
		begun := make(chan struct{})
		s = exact(t, k, answers(t), with(func(srv *http.Server) { srv.RegisterOnShutdown(func() { close(begun) }) }))
		// It is accepted, and has not said which protocol it speaks.
		nc, err := s.dial(t.Context())
		require.NoError(t, err)
		require.NoError(t, s.connect(t).nc.Close()) // the one before is accepted, too
		down := make(chan error, 1)
		go func() { down <- s.srv.Shutdown(t.Context()) }()
		<-begun
		p, err := s.greetOn(t, nc)
		require.NoError(t, err)
		p.until(of(0, goAway))
		require.NoError(t, p.nc.Close())
		require.NoError(t, <-down)
	})
}

// Shutdown is on time, in whatever state it finds connections and streams, and no callback
// is lost. A client that is told to go away closes its connection when it has its responses.
func TestShutdownIsOnTime(t *testing.T) {
	n := *shutdowns
	if testing.Short() {
		n = min(n, 3)
	}
	each(t, func(t *testing.T, k kind) {
		longest := time.Duration(0)
		late := 0
		for range n {
			d := shutdownOnce(t, k)
			longest = max(longest, d)
			if d > 2*time.Second {
				late++
			}
		}
		t.Logf("%d of %d late; the longest took %v", late, n, longest)
		require.Zero(t, late)
	})
}

func shutdownOnce(t *testing.T, k kind) time.Duration {
	t.Helper()
	r, err := runner.New(runner.Config{})
	require.NoError(t, err)
	handling := make(chan struct{}, 1)
	s := exact(t, k, r.Middleware(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		_ = runner.After(req.Context(), "it", func(context.Context) error { return nil })
		select {
		case handling <- struct{}{}:
		default:
		}
		_, _ = w.Write(make([]byte, 10_000))
		if req.URL.Path == "/flushed" {
			flush(w)
		}
	})))
	const clients = 4
	var wg sync.WaitGroup
	for i := range clients {
		wg.Go(func() { visit(t, s, i) })
	}
	<-handling
	begin := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	err = s.srv.Shutdown(ctx)
	took := time.Since(begin)
	require.NoError(t, err)
	wg.Wait()
	require.Eventually(t, func() bool { return r.Stats().Reserved == 0 }, 10*time.Second, time.Millisecond)
	report, err := r.Shutdown(ctx)
	require.NoError(t, err)
	require.Empty(t, report.Lost)
	return took
}

// visit asks for pages until the connection ends, or cannot be made. The windows of the
// second client are too small for a response.
func visit(t *testing.T, s *site, i int) {
	for {
		var own []setting
		if i == 1 {
			own = []setting{{initialWindowSize, 5000}}
		}
		p, err := s.tryConnect(t, own...)
		if err != nil {
			return
		}
		open, away := 0, false
		for !away || open > 0 {
			for !away && open < 5 {
				f := p.request("GET", []string{"/", "/flushed"}[open%2])
				if p.trySend(f) != nil {
					break
				}
				open++
			}
			f, err := p.read()
			if err != nil {
				break
			}
			if n := uint32(len(f.payload)); f.kind == data && n > 0 {
				_ = p.trySend(window(f.stream, n), window(0, n))
			}
			switch {
			case f.kind == goAway:
				away, open = true, answered(p, f)
			case f.last:
				open--
			}
		}
		_ = p.nc.Close()
		if away {
			return
		}
	}
}

// answered counts the streams that the server will still answer after a GOAWAY.
func answered(p *peer, f frame) int {
	last := uint32(f.payload[0])<<24 | uint32(f.payload[1])<<16 | uint32(f.payload[2])<<8 | uint32(f.payload[3])
	ended := 0
	for _, f := range p.seen {
		if f.last {
			ended++
		}
	}
	return int(last+1)/2 - ended
}
