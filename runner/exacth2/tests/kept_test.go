package tests

import (
	"context"
	"encoding/binary"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
)

// A header block that needs several frames ends with the last of them, and says in the first
// that the stream will have ended.
func TestNoFrameOfAHeaderBlockButTheLastEndsTheResponse(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		for _, name := range []string{"a header of 60 KB", "trailers of 60 KB"} {
			r, b := newRunner(t, runner.Config{}), make(begins, 1)
			st := &steps{entered: make(chan struct{}), free: make(chan struct{}), over: make(chan struct{})}
			s := exact(t, k, r.Middleware(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				if err := b.after(req.Context()); err != nil {
					t.Error(err)
				}
				responses[name].serve(w, req)
				connOf(req.Context()).steps.Store(st)
			})))
			p := s.connect(t)
			stream := p.get("/")
			writes := 0
			for began := false; !began; {
				select {
				case <-st.entered: // what has been written before has been followed
					require.Equal(t, 1, r.Stats().Reserved, "after %d writes", writes)
					writes++
					st.free <- struct{}{}
				case written := <-b:
					began = true
					close(st.over)
					require.GreaterOrEqual(t, written, p.end(stream))
				}
			}
			require.Greater(t, writes, 3)
		}
	})
}

// An informational response is not the end.
func TestAnInformationalResponseEndsNothing(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		r, b := newRunner(t, runner.Config{}), make(begins, 1)
		leave := make(chan struct{})
		s := exact(t, k, r.Middleware(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if err := b.after(req.Context()); err != nil {
				t.Error(err)
			}
			w.Header().Set("Link", "</style.css>")
			w.WriteHeader(http.StatusEarlyHints)
			<-leave
		})))
		p := s.connect(t)
		stream := p.get("/")
		require.Zero(t, p.until(of(stream, headers)).flags&endStream)
		require.Equal(t, 1, r.Stats().Reserved)
		b.none(t, "before its response had ended")
		close(leave)
		end := p.end(stream)
		require.GreaterOrEqual(t, <-b, end)
	})
}

// A server that waits for a 100 (Continue) gets the body, and the response is exact.
func TestARequestWithABodyThatExpectsContinue(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		r, b := newRunner(t, runner.Config{}), make(begins, 1)
		s := exact(t, k, r.Middleware(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if err := b.after(req.Context()); err != nil {
				t.Error(err)
			}
			_, _ = io.Copy(w, req.Body)
		})))
		p := s.connect(t)
		f := p.request("POST", "/")
		f.flags &^= endStream
		f.payload = append(f.payload, 0x0f, 0x14, 12) // expect, of the static table
		f.payload = append(f.payload, "100-continue"...)
		p.send(f)
		p.until(of(f.stream, headers))
		b.none(t, "after a 100")
		p.send(frame{kind: data, flags: endStream, stream: f.stream, payload: []byte("hello")})
		end := p.end(f.stream)
		require.Equal(t, "hello", p.body(f.stream))
		require.GreaterOrEqual(t, <-b, end)
	})
}

// A client that says it is going away still gets the responses it has asked for.
func TestAGoAwayOfTheClientEndsNoResponse(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		_, p, r, b, stream := blocked(t, k)
		p.send(frame{kind: goAway, payload: make([]byte, 8)}, frame{kind: ping, payload: make([]byte, 8)})
		p.until(of(0, ping))
		require.Equal(t, 1, r.Stats().Reserved)
		p.open(stream, 100)
		end := p.end(stream)
		require.GreaterOrEqual(t, <-b, end)
	})
}

// What the server pushes is a request with callbacks of its own.
func TestAPushedResponseIsExactToo(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		r, b := newRunner(t, runner.Config{}), make(begins, 1)
		pushed := make(chan error, 1)
		s := exact(t, k, r.Middleware(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if req.URL.Path == "/pushed" {
				if err := b.after(req.Context()); err != nil {
					t.Error(err)
				}
				_, _ = io.WriteString(w, strings.Repeat("x", 5000))
				return
			}
			scheme := map[bool]string{true: "https", false: "http"}[k.version != 0]
			pushed <- w.(http.Pusher).Push(scheme+"://test/pushed", nil)
		})))
		p := s.connect(t)
		stream := p.get("/")
		promise := p.until(of(stream, pushPromise))
		require.NoError(t, <-pushed)
		end := p.end(binary.BigEndian.Uint32(promise.payload))
		require.GreaterOrEqual(t, <-b, end)

		p = s.connect(t, setting{enablePush, 0})
		p.until(ended(p.get("/")))
		require.ErrorIs(t, <-pushed, http.ErrNotSupported)
	})
}

// The end of a response evicts older callbacks. An observer that sees that and does not return
// holds no frame.
func TestAnObserverThatBlocksHoldsNoFrame(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		entered, free := make(chan struct{}), make(chan struct{})
		r := newRunner(t, runner.Config{Workers: 1, Queue: 1, Overflow: runner.DropOldest, Observers: []runner.Observer{{
			Failed: func(_ context.Context, info runner.FinishedInfo) {
				if info.Outcome == runner.OutcomeDropped {
					close(entered)
					<-free
				}
			},
		}}})
		started := make(chan struct{}, 3)
		s := exact(t, k, r.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
			if req.URL.Path == "/asks" {
				err := runner.After(req.Context(), "it", func(context.Context) error { started <- struct{}{}; <-free; return nil })
				if err != nil {
					t.Error(err)
				}
			}
		})))
		defer close(free)
		p := s.connect(t)
		p.until(ended(p.get("/asks"))) // it runs,
		<-started
		p.until(ended(p.get("/asks"))) // it waits,
		require.Eventually(t, func() bool { return r.Stats().Queued == 1 }, 10*time.Second, time.Millisecond)
		p.until(ended(p.get("/asks"))) // and it is evicted by another one
		<-entered
		p.until(ended(p.get("/")))
	})
}
