package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// pace measures whether the machine lets processes run that could. The kernel counts
// for each thread how long it was ready and waited for a processor. No fault of the
// shop, or of a rule, adds to that.
type pace struct {
	mu      sync.Mutex
	waited  map[thread]time.Duration // so far; guarded by mu
	starved time.Duration            // that a process waited while it waited for most of the time; guarded by mu
}

type thread struct {
	pid int
	dir string
}

const (
	paceInterval = 250 * time.Millisecond
	// tooSlow is how long a process may be starved before nothing is known of what it
	// did late. In compressed time it is most of a minute.
	tooSlow = time.Second / 2
)

// watch measures until the test ends.
func (p *pace) watch(t *testing.T, pids func() []int) {
	t.Helper()
	p.waited = make(map[thread]time.Duration)
	done, ended := make(chan struct{}), make(chan struct{})
	t.Cleanup(func() { close(done); <-ended })
	go func() {
		defer close(ended)
		tick := time.NewTicker(paceInterval)
		defer tick.Stop()
		for last := time.Now(); ; {
			select {
			case <-done:
				return
			case now := <-tick.C:
				p.note(waits(pids()), now.Sub(last))
				last = now
			}
		}
	}()
}

// note adds what threads have waited since the last time. A callback goes through many
// threads of its process, each of which may wait for a little.
func (p *pace) note(waited map[thread]time.Duration, since time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var worst time.Duration
	process := make(map[int]time.Duration)
	for th, d := range waited {
		if before, known := p.waited[th]; known {
			process[th.pid] += d - before
			worst = max(worst, process[th.pid])
		}
	}
	p.waited = waited
	if worst > since/2 {
		p.starved += worst
	}
}

// begin forgets what was before.
func (p *pace) begin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.starved = 0
}

// slow returns for how long processes were starved, and whether that is too long.
func (p *pace) slow() (time.Duration, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.starved, p.starved >= tooSlow
}

// waits reads how long each thread of some processes has waited for a processor.
func waits(pids []int) map[thread]time.Duration {
	all := make(map[thread]time.Duration)
	for _, pid := range pids {
		files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				continue // the thread has ended
			}
			// Time on a processor, time waiting for one, how often it got one.
			if fields := strings.Fields(string(text)); len(fields) == 3 {
				if ns, err := strconv.ParseInt(fields[1], 10, 64); err == nil {
					all[thread{pid, file}] = time.Duration(ns)
				}
			}
		}
	}
	return all
}

// pids are the processes whose delays a scenario could take for trouble.
func (ts *testStack) pids() (all []int) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	return append(all, ts.watched...)
}

func TestAMachineIsSlowIfProcessesWaitForAProcessor(t *testing.T) {
	const s = time.Second
	a, b, other := thread{1, "a"}, thread{1, "b"}, thread{2, "c"}
	p := pace{waited: map[thread]time.Duration{a: 10 * s, b: 20 * s, other: 30 * s}}
	p.note(map[thread]time.Duration{a: 10*s + s/8, b: 20*s + s/10, other: 30*s + s/4}, s/2)
	_, slow := p.slow()
	require.False(t, slow, "each process got a processor for most of the time")
	p.note(map[thread]time.Duration{a: 10*s + 3*s/8, b: 20*s + s/4, {3, "new"}: 40 * s}, s/2)
	waited, slow := p.slow()
	require.False(t, slow, "not for long")
	require.Equal(t, 400*time.Millisecond, waited, "of both threads")
	p.note(map[thread]time.Duration{a: 11*s + 3*s/8}, s)
	waited, slow = p.slow()
	require.True(t, slow)
	require.Equal(t, 1400*time.Millisecond, waited)
	p.begin()
	_, slow = p.slow()
	require.False(t, slow)
	require.NotEmpty(t, waits([]int{os.Getpid()}), "the kernel counts it")
}
