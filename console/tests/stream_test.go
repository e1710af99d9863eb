package tests

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/console"
	"github.com/afterglow-go/afterglow/runner"
)

// waitForTick is how often the console collects.
const waitForTick = time.Second

// stream is an open live page.
type stream struct {
	resp *http.Response
	in   *bufio.Reader
	stop context.CancelFunc
}

func openStream(t *testing.T, server *httptest.Server, query string) *stream {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/stream?"+query, http.NoBody)
	require.NoError(t, err)
	resp, err := server.Client().Do(req)
	require.NoError(t, err)
	s := &stream{resp, bufio.NewReaderSize(resp.Body, 1<<20), cancel}
	t.Cleanup(s.close)
	return s
}

func (s *stream) close() {
	s.stop()
	_ = s.resp.Body.Close()
}

type update struct {
	HTML  string
	Point []*float64
	Age   float64
}

// next returns the next update.
func (s *stream) next(t *testing.T) (u update) {
	t.Helper()
	for {
		line, err := s.in.ReadString('\n')
		require.NoError(t, err)
		if data, ok := strings.CutPrefix(line, "data: "); ok {
			require.NoError(t, json.Unmarshal([]byte(data), &u))
			return u
		}
	}
}

func TestALivePageIsSentOnceASecond(t *testing.T) {
	c, r := setup(t, runner.Config{})
	server := serve(t, c)
	s := openStream(t, server, "page=overview")
	require.Equal(t, "text/event-stream", s.resp.Header.Get("Content-Type"))
	first := s.next(t)
	require.Contains(t, first.HTML, `id="runners"`)
	start := time.Now()
	require.NoError(t, r.Do(t.Context(), "order.email", nothing))
	require.Eventually(t, func() bool { return strings.Contains(s.next(t).HTML, "order.email") }, 10*time.Second, time.Millisecond)
	second := s.next(t)
	require.NotEmpty(t, second.Point)
	require.Greater(t, time.Since(start), waitForTick/2)
}

func TestALivePageHasTheFilterOfItsAddress(t *testing.T) {
	c, r := setup(t, runner.Config{})
	require.NoError(t, r.Do(t.Context(), "order.email", nothing))
	require.NoError(t, r.Do(t.Context(), "order.sms", nothing))
	require.Eventually(t, func() bool { return len(look(t, c).Callbacks) == 2 }, 5*waitForTick, 10*time.Millisecond)
	server := serve(t, c)
	html := openStream(t, server, "page=overview&q=sms").next(t).HTML
	require.Contains(t, html, "order.sms</a>")
	require.NotContains(t, html, "order.email</a>")
}

func TestThereAreOnlySoManyViewers(t *testing.T) {
	c := newConsole(t, console.Config{MaxViewers: 2})
	newRunner(t, c, runner.Config{})
	server := serve(t, c)
	one := openStream(t, server, "page=overview")
	openStream(t, server, "page=failures").next(t)
	third := openStream(t, server, "page=overview")
	require.Equal(t, http.StatusServiceUnavailable, third.resp.StatusCode)
	require.NotEmpty(t, third.resp.Header.Get("Retry-After"))
	one.next(t)
	one.close()
	require.Eventually(t, func() bool {
		s := openStream(t, server, "page=overview")
		return s.resp.StatusCode == http.StatusOK
	}, 5*time.Second, 20*time.Millisecond, "a viewer that leaves makes room")
}

// slowWriter is a client that takes nothing from a moment on.
type slowWriter struct {
	header  http.Header
	blocked chan struct{}
	written chan struct{}
}

func (w *slowWriter) Header() http.Header { return w.header }
func (w *slowWriter) WriteHeader(int)     {}
func (w *slowWriter) Flush()              {}
func (w *slowWriter) Write(b []byte) (int, error) {
	if strings.HasPrefix(string(b), "data:") {
		close(w.written)
		<-w.blocked
		return 0, io.ErrClosedPipe
	}
	return len(b), nil
}

func TestAViewerThatIsTooSlowHoldsUpNobodyAndIsDropped(t *testing.T) {
	c := newConsole(t, console.Config{MaxViewers: 2})
	newRunner(t, c, runner.Config{})
	slow := &slowWriter{http.Header{}, make(chan struct{}), make(chan struct{})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.ServeHTTP(slow, httptest.NewRequest(http.MethodGet, "/stream?page=overview", http.NoBody))
	}()
	<-slow.written
	server := serve(t, c)
	fast := openStream(t, server, "page=overview")
	for range 4 {
		fast.next(t)
	}
	// The slow one has lost its place.
	other := openStream(t, server, "page=overview")
	require.Equal(t, http.StatusOK, other.resp.StatusCode)
	close(slow.blocked)
	<-done
}

func TestStreamsDoNotHoldUpAShutdown(t *testing.T) {
	c, r := setup(t, runner.Config{})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	mux := http.NewServeMux()
	mux.Handle("/debug/afterglow/", c)
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() {
		_, err := r.Serve(ctx, &http.Server{Handler: mux}, listener, runner.Budgets{})
		served <- err
	}()
	resp, err := http.Get("http://" + listener.Addr().String() + "/debug/afterglow/stream?page=overview")
	require.NoError(t, err)
	defer resp.Body.Close()
	_, err = bufio.NewReader(resp.Body).ReadString('\n')
	require.NoError(t, err)
	start := time.Now()
	stop()
	require.NoError(t, <-served)
	require.Less(t, time.Since(start), 5*time.Second)
	http.DefaultClient.CloseIdleConnections()
}

func TestCloseEndsStreamsAndWhatIsShownStays(t *testing.T) {
	c, r := setup(t, runner.Config{})
	require.NoError(t, r.Do(t.Context(), "it", nothing))
	require.Eventually(t, func() bool { return len(look(t, c).Callbacks) == 1 }, 5*waitForTick, 10*time.Millisecond)
	server := serve(t, c)
	s := openStream(t, server, "page=overview")
	s.next(t)
	c.Close()
	c.Close()
	for {
		if _, err := s.in.ReadString('\n'); err != nil {
			break
		}
	}
	require.Len(t, look(t, c).Callbacks, 1)
	require.Equal(t, http.StatusServiceUnavailable, ask(c, http.MethodGet, "/stream?page=overview").Code)
}

func TestTwoHundredViewersUseBoundedMemory(t *testing.T) {
	c, r := setup(t, runner.Config{})
	for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
		require.NoError(t, r.Do(t.Context(), name, nothing))
	}
	server := serve(t, c)
	size := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapInuse + m.StackInuse
	}
	openStream(t, server, "page=overview").next(t)
	before := size()
	streams := make([]*stream, 0, 200)
	for range 200 {
		s := openStream(t, server, "page=overview")
		s.in = bufio.NewReader(s.resp.Body) // the client's memory is not the server's
		streams = append(streams, s)
	}
	for _, s := range streams {
		s.next(t)
	}
	used := int64(size()) - int64(before)
	t.Logf("200 viewers: %d KiB, both sides", used>>10)
	require.Less(t, used, int64(64<<20))
}
