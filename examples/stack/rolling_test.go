package main

import (
	"flag"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/durable/sqlite"
	"github.com/afterglow-go/afterglow/internal/tool"
)

// Ten is what the page "Kubernetes" has the figures of.
var rolls = flag.Int("rolling.rolls", 3, "how `often` the rolling deploy replaces both replicas")

// rollingCompression makes a second of the machine five seconds of the rules, and scrapes
// come every ten of these. So a scrape may take two seconds on a busy machine, and the last
// look at a replica that has just ended means as little as it mostly does.
const (
	rollingCompression = 5
	rollingInterval    = 2 * time.Second
)

func TestARollingDeployRefusesNoRequestLosesNoCallbackAndFiresNoAlert(t *testing.T) {
	t.Parallel()
	for plays := 1; !rollsUnderLoad(t); plays++ {
		require.Less(t, plays, 3, "the machine is far too busy")
	}
}

// rollsUnderLoad returns false if an alert has fired because the machine did not let the
// processes run.
func rollsUnderLoad(t *testing.T) bool {
	t.Helper()
	ts := startStack(t, func(o *options) {
		o.metricsOnly, o.shopEnd = true, fleetEnd
		o.compression, o.interval = rollingCompression, rollingInterval
	}, fleetFlags...)
	f := &fleet{ts: ts, balancer: startBalancer(t), flags: fleetFlags}
	f.takes(ts.first)
	f.starts()
	orders := placeOrders(t, f.balancer.url)
	ts.eventually(func() bool {
		return len(ts.query(`sum(afterglow_callbacks_total{outcome="success"}) > 200 and count(count_over_time(afterglow_build_info[1m]) >= 5) == 2`)) == 1
	}, "both replicas are scraped and work")
	ts.pace.begin()
	ts.began = time.Now()

	for range *rolls {
		f.rolls()
	}
	orders.stop()
	placed, refused, why := orders.counts()
	require.Zero(t, refused, why)
	ts.lasts(5)
	for _, alert := range ts.fired() {
		if alert != watchdog && ts.disturbed(alert) {
			require.NoError(t, ts.stop())
			return false
		}
	}
	require.Equal(t, []string{watchdog}, ts.fired())

	for len(f.replicas) > 0 {
		r := f.leaves()
		f.balancer.remove(r.endpoint)
		f.ends(r)
	}
	pending := f.drained()
	require.Positive(t, pending, "the replicas had callbacks left when they were told to end")
	f.audits(orders)

	// What Prometheus has read last of each replica says the same.
	total := func(expr string) int {
		found := ts.query(expr)
		require.Len(t, found, 1, expr)
		return int(found[0].number(t))
	}
	asked := total(`sum(last_over_time(afterglow_asked_total[1h]))`)
	require.Equal(t, len(f.ended), total(`count(last_over_time(afterglow_shutdown_duration_seconds[1h]) > 0)`), "each drain was seen")
	require.Zero(t, total(`sum(last_over_time(afterglow_shutdown_lost_total[1h]))`))
	require.Equal(t, asked, total(`sum(last_over_time(afterglow_callbacks_total{outcome=~"success|coalesced|skipped"}[1h]))`))
	t.Logf("%d rolls of two replicas in %v under %d customers: %d orders placed, %d refused; %d callbacks asked for, %d of them pending at a SIGTERM, 0 lost; 0 alerts",
		*rolls, time.Since(ts.began).Round(time.Second), customers, placed, refused, asked, pending)
	return true
}

// audits looks into the databases of the replicas that have ended: each order that a
// customer was told of is in one, with what runs after its response.
func (f *fleet) audits(o *orders) {
	t := f.ts.t
	t.Helper()
	known := make(map[string]bool)
	for _, r := range f.ended {
		db, err := sqlite.OpenDB(sqlite.Scheme + f.ts.files.path(filepath.Join("data", "shop-"+r.ports[0]+".db")))
		require.NoError(t, err)
		rows, err := db.QueryContext(t.Context(), `SELECT id,
			(SELECT count(*) FROM activity WHERE order_id = id), (SELECT count(*) FROM analytics WHERE order_id = id) FROM orders`)
		require.NoError(t, err)
		for rows.Next() {
			var id string
			var activity, analytics int
			require.NoError(t, rows.Scan(&id, &activity, &analytics))
			require.Equal(t, [2]int{1, 1}, [2]int{activity, analytics}, id)
			known[id] = true
		}
		require.NoError(t, rows.Err())
		require.NoError(t, rows.Close())
		require.NoError(t, db.Close())
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	require.Len(t, known, len(o.placed))
	for _, id := range o.placed {
		require.True(t, known[id], id)
	}
}

// startFleet starts two replicas under load, and nothing that watches them.
func startFleet(t *testing.T, flags ...string) (*fleet, *orders) {
	t.Helper()
	if testing.Short() {
		t.Skip("it builds the shop; make test does")
	}
	require.NoError(t, built())
	files, err := newFiles(t.TempDir(), 0, 0)
	require.NoError(t, err)
	ts := &testStack{
		t: t, client: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience},
		stack: &stack{options: options{programs: programs, shopEnd: fleetEnd}, files: files, crashed: make(chan error, 8)},
	}
	t.Cleanup(func() { require.NoError(t, ts.stop()) })
	f := &fleet{ts: ts, balancer: startBalancer(t), flags: append([]string{"-smtp-delay", "200ms", "-drain", "60s"}, flags...)}
	f.starts()
	f.starts()
	o := placeOrders(t, f.balancer.url)
	f.places(o, 20)
	return f, o
}

// places waits for so many more orders.
func (f *fleet) places(o *orders, more int) {
	f.ts.t.Helper()
	before, _, _ := o.counts()
	f.ts.eventually(func() bool { placed, _, _ := o.counts(); return placed >= before+more }, "orders are placed")
}

// A balancer outside a cluster learns of an end by its own probes only.
func TestABalancerThatOnlyProbesRefusesNothingIfTheShopServesOnWhileItIsNotReady(t *testing.T) {
	t.Parallel()
	f, o := startFleet(t, "-not-ready", "5s") // fifty probes
	f.starts()
	r := f.replicas[0]
	f.ends(r) // the probes go on
	require.True(t, f.balancer.isFree(r.endpoint))
	f.places(o, 20)
	o.stop()
	_, refused, why := o.counts()
	require.Zero(t, refused, why)
}

// This test and the next one show that the others can fail.
func TestWithoutThePauseRequestsAreRefused(t *testing.T) {
	t.Parallel()
	f, o := startFleet(t)
	f.starts()
	r := f.leaves()
	f.ends(r) // before the news
	handed := f.balancer.handedSoFar()
	f.ts.eventually(func() bool { return f.balancer.handedSoFar() >= handed+2*customers }, "orders go there")
	f.balancer.remove(r.endpoint)
	o.stop()
	_, refused, why := o.counts()
	require.Positive(t, refused)
	require.Contains(t, why, "connection refused")
}

func TestWithoutReadinessRequestsAreRefused(t *testing.T) {
	t.Parallel()
	f, o := startFleet(t)
	ports, err := tool.FreePorts(2)
	require.NoError(t, err)
	e := newEndpoint(t, "http://127.0.0.1:"+ports[0])
	f.balancer.add(e) // before it listens
	f.ts.eventually(func() bool { _, refused, _ := o.counts(); return refused > 0 }, "orders go there")
	_, err = f.ts.startShopAt(t.Context(), ports, f.flags...)
	require.NoError(t, err)
	handed := f.balancer.handedSoFar()
	f.ts.eventually(func() bool { return f.balancer.handedSoFar() >= handed+2*customers }, "those under way are answered")
	_, before, why := o.counts()
	require.Contains(t, why, "connection refused")
	f.places(o, 20)
	_, after, _ := o.counts()
	require.Equal(t, before, after, "once it listens, none is refused")
	o.stop()
}
