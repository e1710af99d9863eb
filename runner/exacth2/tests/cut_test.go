package tests

import (
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/runner/exacth2"
)

// A response that the client has reset will never end. Its callbacks begin when the handler
// has returned.
func TestAResetByTheClientEndsTheResponse(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		r, b := newRunner(t, runner.Config{}), make(begins, 1)
		canceled, leave := make(chan struct{}), make(chan struct{})
		s := exact(t, k, r.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
			if err := b.after(req.Context()); err != nil {
				t.Error(err)
			}
			<-req.Context().Done()
			close(canceled)
			<-leave
		})))
		p := s.connect(t)
		p.reset(p.get("/"))
		<-canceled
		b.none(t, "before its handler had returned")
		close(leave)
		<-b
	})
}

// blocked serves a response whose end the client does not let through.
func blocked(t *testing.T, k kind, options ...option) (*site, *peer, *runner.Runner, begins, uint32) {
	t.Helper()
	r, b := newRunner(t, runner.Config{}), make(begins, 1)
	returned := make(chan struct{})
	h := r.Middleware(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if err := b.after(req.Context()); err != nil {
			t.Error(err)
		}
		_, _ = io.WriteString(w, "hello")
	}))
	s := exact(t, k, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		h.ServeHTTP(w, req)
		close(returned)
	}), options...)
	p := s.connect(t, setting{initialWindowSize, 0})
	stream := p.get("/")
	p.until(of(stream, headers))
	<-returned
	return s, p, r, b, stream
}

func TestAResponseThatFlowControlHoldsBackHoldsItsCallbacks(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		_, p, r, b, stream := blocked(t, k)
		p.send(frame{kind: ping, payload: make([]byte, 8)})
		p.until(of(0, ping))
		require.Equal(t, 1, r.Stats().Reserved)
		b.none(t, "before its response had ended")
		p.open(stream, 100)
		end := p.end(stream)
		require.GreaterOrEqual(t, <-b, end)
	})
}

func TestAResetEndsAResponseThatFlowControlHoldsBack(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		_, p, _, b, stream := blocked(t, k)
		b.none(t, "before its response had ended")
		p.reset(stream)
		<-b
	})
}

func TestTheEndOfTheConnectionEndsItsResponses(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		_, p, _, b, _ := blocked(t, k)
		b.none(t, "before its response had ended")
		require.NoError(t, p.nc.Close())
		<-b
	})
}

func TestTheServersCloseEndsItsResponses(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		s, _, _, b, _ := blocked(t, k)
		b.none(t, "before its response had ended")
		require.NoError(t, s.srv.Close())
		<-b
	})
}

// The client has sent the end of its side, and reads nothing. Then the alert that ends the
// server's side takes until crypto/tls gives up.
func TestACloseThatWaitsForItsAlertHoldsNoCallbacks(t *testing.T) {
	for _, k := range kinds[:2] {
		t.Run(k.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, p, _, b, _ := blocked(t, k, inMemory)
				begin := time.Now()
				require.NoError(t, p.nc.(*tls.Conn).CloseWrite())
				<-b
				require.Zero(t, time.Since(begin))
				require.NoError(t, p.nc.Close()) // now, as the server's Close waits for the alert with a lock
				require.NoError(t, s.srv.Close())
			})
		})
	}
}

// Without any help of the client, and without WriteTimeout, a response holds its callbacks
// for MaxHold. It is not cut then.
func TestAClientThatNeverOpensItsWindowHoldsCallbacksForMaxHold(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		synctest.Test(t, func(t *testing.T) {
			s, p, _, b, stream := blocked(t, k, inMemory)
			begin := time.Now()
			<-b
			require.Equal(t, exacth2.MaxHold, time.Since(begin))
			p.open(stream, 100)
			p.until(ended(stream))
			require.Equal(t, "hello", p.body(stream))
			require.NoError(t, p.nc.Close())
			require.NoError(t, s.srv.Close())
		})
	})
}

// One timer serves all responses of a connection.
func TestEachResponseHoldsItsCallbacksForMaxHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRunner(t, runner.Config{})
		begin, began := time.Now(), make(chan time.Duration, 3)
		h := r.Middleware(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			err := runner.After(req.Context(), "it", func(context.Context) error { began <- time.Since(begin); return nil })
			if err != nil {
				t.Error(err)
			}
			_, _ = io.WriteString(w, "hello")
		}))
		s := exact(t, kinds[2], h, inMemory)
		p := s.connect(t, setting{initialWindowSize, 0})
		for range 3 {
			p.until(of(p.get("/"), headers))
			time.Sleep(10 * time.Second)
		}
		for i := range 3 {
			require.Equal(t, exacth2.MaxHold+time.Duration(i)*10*time.Second, <-began)
		}
		require.NoError(t, p.nc.Close())
		require.NoError(t, s.srv.Close())
	})
}

func TestWriteTimeoutResetsTheResponseAndThenCallbacksBegin(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		synctest.Test(t, func(t *testing.T) {
			begin := time.Now()
			s, p, _, b, stream := blocked(t, k, inMemory, with(func(srv *http.Server) { srv.WriteTimeout = time.Second }))
			require.Equal(t, byte(resetStream), p.until(ended(stream)).kind)
			require.GreaterOrEqual(t, <-b, p.records.end(p.plain))
			require.Equal(t, time.Second, time.Since(begin))
			require.NoError(t, p.nc.Close())
			require.NoError(t, s.srv.Close())
		})
	})
}

// A client that resets streams as fast as it opens them loses no callback, and none waits
// for MaxHold.
func TestStreamsThatAreResetAtOnceLoseNoCallback(t *testing.T) {
	const streams = 1000
	each(t, func(t *testing.T, k kind) {
		r, b := newRunner(t, runner.Config{Queue: streams}), make(begins, streams)
		s := exact(t, k, r.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
			if req.URL.Path != "/last" {
				_ = b.after(req.Context())
			}
		})))
		p := s.connect(t)
		for range streams / 10 {
			var all []frame
			for range 10 {
				f := p.request("GET", "/")
				all = append(all, f, reset(f.stream))
			}
			p.send(all...)
		}
		p.until(ended(p.get("/last")))
		require.NotZero(t, r.Stats().Asked)
		require.Eventually(t, func() bool {
			st := r.Stats()
			return st.Asked == st.Outcomes.Total()
		}, 10*time.Second, time.Millisecond)
	})
}

// A TimeoutHandler outside of Middleware answers while the handler still runs.
func TestAResponseThatEndsBeforeItsHandlerHoldsNoCallback(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		r, b := newRunner(t, runner.Config{}), make(begins, 1)
		leave := make(chan struct{})
		h := r.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
			if err := b.after(req.Context()); err != nil {
				t.Error(err)
			}
			<-leave
		}))
		s := exact(t, k, http.TimeoutHandler(h, time.Millisecond, "too late"))
		p := s.connect(t)
		stream := p.get("/")
		end := p.end(stream)
		require.Equal(t, "too late", p.body(stream))
		b.none(t, "before its handler had returned")
		close(leave)
		require.GreaterOrEqual(t, <-b, end)
	})
}

func TestAllRunnersOfAChainWaitForTheResponse(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		b, returned := make(begins, 3), make(chan struct{})
		var h http.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") })
		for _, name := range []string{"a", "b", "c"} {
			r, next := newRunner(t, runner.Config{Name: name}), h
			h = r.Middleware(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				if err := b.after(req.Context()); err != nil {
					t.Error(err)
				}
				next.ServeHTTP(w, req)
			}))
		}
		s := exact(t, k, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			h.ServeHTTP(w, req)
			close(returned)
		}))
		p := s.connect(t, setting{initialWindowSize, 0})
		stream := p.get("/")
		<-returned
		b.none(t, "before its response had ended")
		p.open(stream, 100)
		end := p.end(stream)
		for range 3 {
			require.GreaterOrEqual(t, <-b, end)
		}
	})
}
