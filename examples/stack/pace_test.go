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
	waited  map[string]time.Duration // by thread, so far; guarded by mu
	starved time.Duration            // while a thread got no processor for most of the time; guarded by mu
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
	p.waited = make(map[string]time.Duration)
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

// note adds what threads have waited since the last time.
func (p *pace) note(waited map[string]time.Duration, since time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var worst time.Duration
	for thread, d := range waited {
		if before, known := p.waited[thread]; known {
			worst = max(worst, d-before)
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
func waits(pids []int) map[string]time.Duration {
	all := make(map[string]time.Duration)
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
					all[file] = time.Duration(ns)
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

func TestAMachineIsSlowIfThreadsWaitForAProcessor(t *testing.T) {
	const s = time.Second
	p := pace{waited: map[string]time.Duration{"a": 10 * s, "b": 20 * s}}
	p.note(map[string]time.Duration{"a": 10*s + s/8, "b": 20*s + s/10}, s/2)
	_, slow := p.slow()
	require.False(t, slow, "each got a processor for most of the time")
	p.note(map[string]time.Duration{"a": 10*s + s/2, "b": 20*s + s/10, "new": 40 * s}, s/2)
	waited, slow := p.slow()
	require.False(t, slow, "not for long")
	require.Equal(t, 375*time.Millisecond, waited)
	p.note(map[string]time.Duration{"a": 11*s + s/2}, s)
	waited, slow = p.slow()
	require.True(t, slow)
	require.Equal(t, 1375*time.Millisecond, waited)
	p.begin()
	_, slow = p.slow()
	require.False(t, slow)
	require.NotEmpty(t, waits([]int{os.Getpid()}), "the kernel counts it")
}
