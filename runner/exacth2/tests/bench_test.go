//go:build unix

package tests

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
)

// BenchmarkThroughput measures requests with one callback each, 50 at once on one connection,
// on a server without and with Configure. The two take turns, so that what else the machine
// does meets both. exact/plain is the ratio of the processor time, that of the client and the
// callbacks included; wall is that of the median times, which a busy machine makes up.
func BenchmarkThroughput(b *testing.B) {
	for _, k := range kinds[1:] {
		for _, size := range []int{100, 10_000} {
			b.Run(fmt.Sprintf("%s/%dB", strings.ReplaceAll(k.name, " ", ""), size), func(b *testing.B) {
				sides := [2]*side{newSide(b, k, false, size), newSide(b, k, true, size)}
				for i := 0; b.Loop(); i++ {
					sides[i%2].round(b)
					sides[(i+1)%2].round(b)
				}
				requests := float64(len(sides[0].times) * atOnce)
				b.ReportMetric(float64(sides[0].processor)/requests, "plain-ns/request")
				b.ReportMetric(float64(sides[1].processor)/requests, "exact-ns/request")
				b.ReportMetric(float64(sides[1].processor)/float64(sides[0].processor), "exact/plain")
				b.ReportMetric(float64(sides[1].end(b))/float64(sides[0].end(b)), "wall")
			})
		}
	}
}

const atOnce = 50

// side is one of two servers that are compared, and its client.
type side struct {
	p     *peer
	size  int
	times []time.Duration

	processor time.Duration // of all rounds
}

func newSide(b *testing.B, k kind, configure bool, size int) *side {
	b.Helper()
	r := newRunner(b, runner.Config{Queue: 1 << 20})
	body := strings.Repeat("x", size)
	s := start(b, k, configure, r.Middleware(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if err := runner.After(req.Context(), "it", func(context.Context) error { return nil }); err != nil {
			b.Error(err)
		}
		_, _ = io.WriteString(w, body)
	})))
	p := s.connect(b, setting{initialWindowSize, 1 << 20})
	p.send(window(0, 1<<30))
	return &side{p: p, size: size}
}

func (s *side) round(b *testing.B) {
	begin, used := time.Now(), processor(b)
	all := make([]frame, atOnce, atOnce+1)
	for i := range all {
		all[i] = s.p.request("GET", "/")
	}
	s.p.send(append(all, window(0, uint32(atOnce*s.size)))...)
	for range atOnce {
		s.p.until(func(f frame) bool { return f.last })
	}
	s.times = append(s.times, time.Since(begin))
	s.processor += processor(b) - used
	s.p.seen = s.p.seen[:0]
	s.p.records.forget()
}

// end returns the median time of a round.
func (s *side) end(b *testing.B) time.Duration {
	b.Helper()
	require.NoError(b, s.p.nc.Close())
	slices.Sort(s.times)
	return s.times[len(s.times)/2]
}

// processor is the processor time that this process has used.
func processor(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
