package soak

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

var placesTime = flag.Duration("soak.places", 2*time.Second, "how long each part of TestADeadPartnerAndOpenResponsesCostNobodyElse lasts")

const (
	openStreams = 16
	slowReaders = 8
	orderRate   = 270 // a second
	orderers    = 16  // orders under way at once, at most
	attempts    = 10  // to reach the partner

	nameEmail   = "order.email"
	nameWebhook = "order.webhook"
	nameVisit   = "visit.log"
	nameExport  = "export.log"
)

// TestADeadPartnerAndOpenResponsesCostNobodyElse lets a real server serve orders while
// event streams stay open, clients do not read large responses, and the partner that
// each order is told to refuses connections. Whatever the policy, no callback is
// rejected or dropped but the partner's own, and the metrics say why those are.
//
//	go test ./internal/soak -run OpenResponses -v -count=1 -timeout=0 -soak.places=1m
func TestADeadPartnerAndOpenResponsesCostNobodyElse(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 12 s at the least")
	}
	var text strings.Builder
	tabs := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tabs, "policy\tqueue\torders\ta second\tp50\tp99\tmails sent\tothers rejected or dropped\twebhooks rejected\tby reason\tpaused at most\treserved at least")
	for _, queue := range []int{16, 0} { // 0: the default
		for _, policy := range []runner.Overflow{runner.Reject, runner.Block(20 * time.Millisecond), runner.DropOldest} {
			t.Run(fmt.Sprintf("%v, queue %d", policy, queue), func(t *testing.T) {
				s := openPlacesSite(t, policy, queue)
				seen := s.run(t, *placesTime)
				stats := s.judge(t, policy, seen)
				fmt.Fprintf(tabs, "%v\t%d\t%d\t%.0f\t%v\t%v\t%d\t%d\t%d\t%v\t%d of %d\t%d of %d\n", policy, stats.Capacity,
					len(seen.took), float64(len(seen.took))/placesTime.Seconds(), quantile(seen.took, .5), quantile(seen.took, .99), seen.mails, seen.others, seen.webhooks, seen.reasons,
					seen.mostPaused, stats.Places[runner.PlacePaused].Limit, seen.leastReserved, stats.Places[runner.PlaceReserved].Limit)
			})
		}
	}
	require.NoError(t, tabs.Flush())
	t.Logf("%v each, %d orders a second, %d streams, %d slow readers\n%s", *placesTime, orderRate, openStreams, slowReaders, &text)
}

// placesSite is a server whose handlers keep responses open, and whose partner is dead.
type placesSite struct {
	*site
	registry *prometheus.Registry
	partner  string // its address, where nobody listens
	large    []byte
	orders   atomic.Int64 // accepted
}

func openPlacesSite(t *testing.T, policy runner.Overflow, queue int) *placesSite {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &placesSite{registry: prometheus.NewRegistry(), partner: l.Addr().String(), large: make([]byte, 1<<20)}
	require.NoError(t, l.Close())
	tel, err := telemetry.New(telemetry.Config{
		TracerProvider: noop.NewTracerProvider(), Registerer: p.registry, Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	p.site = serveRunner(t, runner.Config{
		Name: "places", Workers: 16, Queue: queue, Overflow: policy, Observers: []runner.Observer{tel.Observer()},
	}, func(*runner.Runner) http.Handler { return p.routes() })
	return p
}

func (p *placesSite) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /events", func(w http.ResponseWriter, r *http.Request) {
		_ = runner.After(r.Context(), nameVisit, succeed) // the books have what was rejected
		fmt.Fprint(w, "data: hello\n\n")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	mux.HandleFunc("GET /export", func(w http.ResponseWriter, r *http.Request) {
		_ = runner.After(r.Context(), nameExport, succeed)
		for range 64 {
			if _, err := w.Write(p.large); err != nil {
				return
			}
		}
	})
	mux.HandleFunc("POST /orders", func(w http.ResponseWriter, r *http.Request) {
		if err := runner.After(r.Context(), nameEmail, sendMail); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		_ = runner.After(r.Context(), nameWebhook, p.tellPartner, runner.Retry(attempts))
		p.orders.Add(1)
	})
	return mux
}

func succeed(context.Context) error { return nil }

func sendMail(ctx context.Context) error {
	pause(ctx, 3*time.Millisecond)
	return nil
}

// tellPartner is refused at once.
func (p *placesSite) tellPartner(ctx context.Context) error {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", p.partner)
	if err == nil {
		err = conn.Close()
	}
	return err
}

// placesSeen is what a run has shown.
type placesSeen struct {
	took          []time.Duration // of each order, sorted
	failed        int             // orders without a 200
	mails         uint64
	others        uint64            // callbacks rejected or dropped, but the partner's
	webhooks      uint64            // rejected
	reasons       map[string]uint64 // all there are, from the metrics
	mostPaused    int
	leastReserved int
}

// run opens the streams, has the slow readers begin, and orders for a while.
func (p *placesSite) run(t *testing.T, length time.Duration) *placesSeen {
	t.Helper()
	address := strings.TrimPrefix(p.url, "http://")
	var open []net.Conn
	for i := range openStreams + slowReaders {
		path := "/events"
		if i >= openStreams {
			path = "/export"
		}
		conn, err := net.Dial("tcp", address)
		require.NoError(t, err)
		_, err = fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", path, address)
		require.NoError(t, err)
		open = append(open, conn) // nobody reads
	}
	held := openStreams + slowReaders
	require.Eventually(t, func() bool { return p.runner.Stats().Reserved == held }, 10*time.Second, time.Millisecond)

	seen := &placesSeen{leastReserved: held}
	watching, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for tick := time.NewTicker(20 * time.Millisecond); ; {
			select {
			case <-watching:
				tick.Stop()
				return
			case <-tick.C:
				s := p.runner.Stats()
				seen.mostPaused = max(seen.mostPaused, s.Places[runner.PlacePaused].Taken)
				seen.leastReserved = min(seen.leastReserved, s.Places[runner.PlaceReserved].Taken)
			}
		}
	}()
	p.order(t, length, seen)
	close(watching)
	<-done
	for _, conn := range open {
		require.NoError(t, conn.Close())
	}
	require.Eventually(t, func() bool { return p.onlyWebhooksArePending() }, 10*time.Second, time.Millisecond)
	return seen
}

// order places orders at a steady rate, spread over the clients.
func (p *placesSite) order(t *testing.T, length time.Duration, seen *placesSeen) {
	t.Helper()
	var mu sync.Mutex
	var clients sync.WaitGroup
	every, end := orderers*time.Second/orderRate, time.Now().Add(length)
	for i := range orderers {
		clients.Go(func() {
			client := &http.Client{Transport: &http.Transport{MaxConnsPerHost: 1}, Timeout: 10 * time.Second}
			defer client.CloseIdleConnections()
			var start time.Time
			for next := time.Now().Add(every * time.Duration(i) / orderers); next.Before(end); next = next.Add(every) {
				// One that is late makes up for it, without a burst.
				pause(t.Context(), max(time.Until(next), time.Until(start.Add(every/2))))
				start = time.Now()
				ok := false
				if resp, err := client.Post(p.url+"/orders", "text/plain", http.NoBody); err == nil {
					ok = resp.StatusCode == http.StatusOK
					_ = resp.Body.Close()
				}
				took := time.Since(start)
				mu.Lock()
				seen.took = append(seen.took, took)
				if !ok {
					seen.failed++
				}
				mu.Unlock()
			}
		})
	}
	clients.Wait()
	slices.Sort(seen.took)
}

func (p *placesSite) onlyWebhooksArePending() bool {
	for _, c := range p.runner.Snapshot().Callbacks {
		if c.Name != nameWebhook && c.Reserved+c.Queued+c.Running+c.Paused > 0 {
			return false
		}
	}
	return true
}

// judge requires that the partner's callbacks alone have paid.
func (p *placesSite) judge(t *testing.T, policy runner.Overflow, seen *placesSeen) runner.Stats {
	t.Helper()
	snapshot := p.runner.Snapshot()
	for _, c := range snapshot.Callbacks {
		if c.Name == nameWebhook {
			seen.webhooks = c.Rejections.Total()
			require.Zero(t, c.Outcomes[runner.OutcomeDropped])
			continue
		}
		seen.others += c.Rejections.Total() + c.Outcomes[runner.OutcomeDropped]
		require.Zero(t, c.Rejections.Total(), "%s: %v", c.Name, c.Rejections)
		require.Zero(t, c.Outcomes[runner.OutcomeDropped], c.Name)
		require.Equal(t, c.Asked, c.Outcomes[runner.OutcomeSuccess], c.Name)
		if c.Name == nameEmail {
			seen.mails = c.Outcomes[runner.OutcomeSuccess]
		}
	}
	require.Zero(t, seen.failed, "orders that were turned away")
	require.EqualValues(t, len(seen.took), seen.mails)
	require.EqualValues(t, p.orders.Load(), seen.mails)
	require.GreaterOrEqual(t, seen.leastReserved, openStreams+slowReaders, "they were open all the time")

	// The metrics say which kind is full.
	seen.reasons = p.gauges(t, names.MetricRejected, names.LabelReason)
	for reason := range seen.reasons {
		require.Equal(t, runner.ReasonPausedFull.String(), reason)
	}
	limit := snapshot.Places[runner.PlacePaused].Limit
	require.EqualValues(t, limit, p.gauges(t, names.MetricQueuePlacesLimit, names.LabelState)["paused"])
	if limit < 1000 || *placesTime >= 30*time.Second { // else there was no time to fill its share
		require.Positive(t, seen.webhooks, "the partner's share was never full")
		require.GreaterOrEqual(t, seen.mostPaused, limit*9/20)
	}

	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	require.NoError(t, p.server.Shutdown(ctx))
	require.ErrorIs(t, <-p.ended, http.ErrServerClosed)
	cancel() // what is to be tried again is given up
	report, err := p.runner.Shutdown(ctx)
	require.Error(t, err)
	for _, lost := range report.Lost {
		require.Equal(t, nameWebhook, lost.Name)
	}
	return snapshot.Stats
}

// gauges returns the values of a metric by a label, without those that are 0.
func (p *placesSite) gauges(t *testing.T, metric, label string) map[string]uint64 {
	t.Helper()
	families, err := p.registry.Gather()
	require.NoError(t, err)
	found := make(map[string]uint64)
	for _, f := range families {
		if f.GetName() != metric {
			continue
		}
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if n := m.GetGauge().GetValue() + m.GetCounter().GetValue(); l.GetName() == label && n > 0 {
					found[l.GetValue()] = uint64(n)
				}
			}
		}
	}
	return found
}

// quantile of what is sorted.
func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[int(q*float64(len(sorted)-1))].Round(10 * time.Microsecond)
}
