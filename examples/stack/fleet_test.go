package main

import (
	"context"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/internal/tool"
)

const (
	// probeEvery is how often a replica is asked whether it is ready.
	probeEvery = 100 * time.Millisecond
	// probeFailures are that many answers in a row that it is not.
	probeFailures = 2
	// newsTime is how long the balancer does not know of a replica that shall end, as the
	// proxies of a cluster do not.
	newsTime = 300 * time.Millisecond
	// pauseTime is what preStop waits. It is longer than newsTime.
	pauseTime = time.Second
)

// fleet is replicas of the shop behind a balancer, as a Deployment behind its Service.
type fleet struct {
	ts       *testStack
	balancer *balancer
	flags    []string
	replicas []*replica // the oldest first
	ended    []*replica
}

// replica is a shop of a fleet.
type replica struct {
	*shop
	endpoint *endpoint
	unprobe  func() // ends the probes
}

// fleetFlags have deliveries that take a second, so that a replica has callbacks left when it
// is told to end, and more time for them than a busy machine takes.
var fleetFlags = []string{"-smtp-delay", "1200ms", "-drain", "60s", "-linger", "30s"}

// fleetEnd is more than all of these.
const fleetEnd = 3 * time.Minute

// starts starts one more replica, and returns when the balancer sends requests to it.
func (f *fleet) starts() *replica {
	f.ts.t.Helper()
	ports, err := tool.FreePorts(2)
	require.NoError(f.ts.t, err)
	sh, err := f.ts.startShopAt(f.ts.t.Context(), ports, f.flags...)
	require.NoError(f.ts.t, err)
	return f.takes(sh)
}

// takes makes a shop that runs a replica.
func (f *fleet) takes(sh *shop) *replica {
	f.ts.t.Helper()
	r := &replica{shop: sh, endpoint: newEndpoint(f.ts.t, sh.url)}
	f.replicas = append(f.replicas, r)
	f.ts.mu.Lock()
	f.ts.watched = append(f.ts.watched, sh.process.PID())
	f.ts.mu.Unlock()
	f.probes(r)
	f.ts.eventually(func() bool { return f.balancer.knows(r.endpoint) }, "%s is ready", sh.url)
	return r
}

// probes asks a replica whether it is ready, until unprobe is called, and lets the
// balancer know.
func (f *fleet) probes(r *replica) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	r.unprobe = sync.OnceFunc(func() {
		cancel()
		<-done
	})
	f.ts.t.Cleanup(r.unprobe)
	go func() {
		defer close(done)
		tick := time.NewTicker(probeEvery)
		defer tick.Stop()
		failures := 0
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			switch err := f.asks(ctx, r); {
			case ctx.Err() != nil:
			case err == nil:
				failures = 0
				f.balancer.add(r.endpoint)
			default:
				if failures++; failures == probeFailures {
					f.balancer.remove(r.endpoint)
				}
			}
		}
	}()
}

// asks is one probe.
func (f *fleet) asks(ctx context.Context, r *replica) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.ops+"/readyz", http.NoBody)
	if err != nil {
		return err
	}
	resp, err := f.ts.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return http.ErrServerClosed
	}
	return nil
}

// deletes deletes the oldest replica as Kubernetes does. From the same moment on, the
// balancer is told that the replica is gone, and the kubelet pauses before SIGTERM.
func (f *fleet) deletes() {
	f.ts.t.Helper()
	r := f.leaves()
	news := time.AfterFunc(newsTime, func() { f.balancer.remove(r.endpoint) })
	defer news.Stop()
	pause, cancel := context.WithTimeout(f.ts.t.Context(), pauseTime)
	defer cancel()
	<-pause.Done()
	// On a machine that stands still the news would be later than the pause.
	f.ts.eventually(func() bool { return f.balancer.isFree(r.endpoint) }, "the balancer knows")
	f.ends(r)
}

// leaves takes the oldest replica from the fleet, whose probes end.
func (f *fleet) leaves() *replica {
	r := f.replicas[0]
	f.replicas = f.replicas[1:]
	r.unprobe()
	return r
}

// ends ends a replica, by SIGTERM, and has it no longer scraped when it has ended.
func (f *fleet) ends(r *replica) {
	f.ts.t.Helper()
	require.NoError(f.ts.t, r.stop())
	require.Equal(f.ts.t, "exit status 0", r.process.End(), "%s", r.process.Output())
	require.Contains(f.ts.t, r.process.Output(), "nothing lost")
	f.ended = append(f.ended, r)
	f.ts.scraped = slices.DeleteFunc(f.ts.scraped, func(address string) bool { return "http://"+address == r.ops })
	require.NoError(f.ts.t, f.ts.files.targets(shopTargets, f.ts.scraped))
}

// rolls replaces each replica once.
func (f *fleet) rolls() {
	f.ts.t.Helper()
	for range len(f.replicas) {
		f.starts()
		f.deletes()
	}
}

var drainLine = regexp.MustCompile(`drained in \S+: \d+ of (\d+) pending callbacks completed, nothing lost`)

// drained returns how many callbacks the replicas that have ended had left when they were
// told to end.
func (f *fleet) drained() (pending int) {
	f.ts.t.Helper()
	for _, r := range f.ended {
		m := drainLine.FindStringSubmatch(r.process.Output())
		require.NotNil(f.ts.t, m, "%s", r.process.Output())
		n, err := strconv.Atoi(m[1])
		require.NoError(f.ts.t, err)
		pending += n
	}
	return pending
}
