package tests

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
)

// What a client of the load does with a stream.
const (
	readsAll    = iota
	readsLate   // opens the stream's window only after others have ended
	resetsAtOne // resets it at once
	resetsLater // resets it after the first frame of the response
	numManners
)

// load is many clients that ask one server for callbacks.
type load struct {
	r     *runner.Runner
	asked atomic.Int64

	mu      sync.Mutex
	streams map[int]*loaded
}

// loaded is one stream of a load.
type loaded struct {
	manner int
	number uint32
	ran    int   // callbacks
	began  int64 // bytes written on the connection when the callback began
	end    int64 // of the response; 0: it has none, or the client had reset the stream before
	reset  bool
	frames int
}

func (l *load) of(id int) *loaded {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.streams[id]
	if s == nil {
		s = new(loaded)
		l.streams[id] = s
	}
	return s
}

// ServeHTTP answers with bytes in pieces: /id/pieces/bytes/flags.
func (l *load) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	parts := strings.Split(req.URL.Path, "/")
	id, _ := strconv.Atoi(parts[1])
	pieces, _ := strconv.Atoi(parts[2])
	size, _ := strconv.Atoi(parts[3])
	conn := connOf(req.Context())
	err := runner.After(req.Context(), "it", func(context.Context) error {
		written := conn.written.Load()
		s := l.of(id)
		l.mu.Lock()
		defer l.mu.Unlock()
		s.ran++
		s.began = written
		return nil
	})
	if err == nil {
		l.asked.Add(1)
	}
	for range pieces {
		_, _ = io.WriteString(w, strings.Repeat("x", size))
		if parts[4] == "f" {
			flush(w)
		}
	}
	switch parts[4] {
	case "t":
		w.Header().Set("Trailer:Sum", "1")
	case "p":
		panic(http.ErrAbortHandler)
	}
}

const (
	windowOfStreams = 10_000
	windowOfAll     = 1 << 30
)

// connection asks for n callbacks on one connection, with up to 32 streams at once. If it
// is sluggish, it reads a frame only when the others have ended a stream. If it leaves, it
// closes the connection in the midst.
func (l *load) connection(t *testing.T, s *site, first, n int, progress chan struct{}, sluggish, leaves bool) {
	p := s.connect(t, setting{initialWindowSize, windowOfStreams})
	p.send(window(0, windowOfAll))
	rnd := rand.New(rand.NewPCG(uint64(first), 1)) //nolint:gosec // it shall be the same in each run
	open := make(map[uint32]*loaded)
	var late []uint32
	ask := func(id int) {
		pieces, size := rnd.IntN(4), []int{0, 10, 4000, 4096, 9000, 40_000}[rnd.IntN(6)]
		f := p.request([]string{"GET", "GET", "GET", "HEAD"}[rnd.IntN(4)], fmt.Sprintf("/%d/%d/%d/%c", id, pieces, size, "-ftp"[rnd.IntN(4)]))
		manner := rnd.IntN(4 * numManners)
		st := l.of(id)
		st.number, st.manner = f.stream, manner
		open[f.stream] = st
		frames := []frame{f}
		switch manner {
		case readsLate:
			late = append(late, f.stream)
		case resetsAtOne:
			st.reset = true
			delete(open, f.stream)
			frames = append(frames, reset(f.stream))
		default:
			frames = append(frames, window(f.stream, 1<<20))
		}
		require.NoError(t, p.trySend(frames...))
	}
	for asked := 0; asked < n || len(open) > 0; {
		for ; asked < n && len(open) < 32; asked++ {
			ask(first + asked)
		}
		if leaves && asked == n {
			_ = p.nc.Close()
			return
		}
		if len(open) == len(late) { // nothing else will end
			for _, number := range late {
				require.NoError(t, p.trySend(window(number, 1<<20)))
			}
			late = nil
		}
		if len(open) == 0 {
			continue
		}
		if sluggish {
			<-progress // closed in the end
		}
		f, err := p.read()
		require.NoError(t, err)
		st := open[f.stream]
		if st == nil {
			continue
		}
		if f.last {
			delete(open, f.stream)
			if i := indexOf(late, f.stream); i >= 0 {
				late = append(late[:i], late[i+1:]...)
			}
			l.mu.Lock()
			st.end = p.records.end(p.plain)
			l.mu.Unlock()
			if !sluggish {
				select {
				case progress <- struct{}{}:
				default:
				}
			}
			continue
		}
		if st.frames++; st.manner == resetsLater && st.frames == 1 {
			st.reset = true
			delete(open, f.stream)
			require.NoError(t, p.trySend(reset(f.stream)))
		}
	}
	_ = p.nc.Close()
}

func indexOf(all []uint32, one uint32) int {
	for i, n := range all {
		if n == one {
			return i
		}
	}
	return -1
}

// result is what came of a load.
type result struct{ asked, lost, twice, ended, early int }

// run asks for n callbacks over several connections.
func run(t *testing.T, k kind, configure bool, n int) result {
	t.Helper()
	const connections, atOnce = 20, 5
	r, err := runner.New(runner.Config{Queue: 1 << 20})
	require.NoError(t, err)
	l := &load{r: r, streams: make(map[int]*loaded)}
	s := start(t, k, configure, r.Middleware(l))
	each := (n + connections - 1) / connections
	for round := range connections / atOnce {
		var fast, slow sync.WaitGroup
		progress := make(chan struct{}, 1)
		for i := range atOnce {
			wg := &fast
			if i == 0 {
				wg = &slow
			}
			wg.Go(func() {
				l.connection(t, s, (round*atOnce+i)*each, each, progress, i == 0, i == 1)
			})
		}
		fast.Wait()
		close(progress)
		slow.Wait()
	}
	require.NoError(t, s.srv.Shutdown(t.Context()))
	_, err = r.Shutdown(t.Context())
	require.NoError(t, err)
	res := result{asked: int(l.asked.Load())}
	ran := 0
	for _, st := range l.streams {
		ran += min(st.ran, 1)
		if st.ran > 1 {
			res.twice++
		}
		if st.end > 0 && !st.reset && st.ran > 0 {
			res.ended++
			if st.began < st.end {
				res.early++
			}
		}
	}
	res.lost = res.asked - ran
	return res
}
