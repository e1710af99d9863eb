package runnertest_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/afterglow-go/afterglow/runner/runnertest"
)

// fakeT is a test whose failures are what a test looks at.
type fakeT struct {
	ctx      context.Context
	cancel   context.CancelFunc
	cleanups []func()

	mu       sync.Mutex
	failures []string // guarded by mu
}

var _ runnertest.T = (*fakeT)(nil)

// failuresOf runs a test to its end, clean-ups included, and returns what it
// fails with.
func failuresOf(test func(t runnertest.T)) []string {
	f := &fakeT{}
	f.ctx, f.cancel = context.WithCancel(context.Background())
	defer f.cancel()
	ended := make(chan struct{})
	go func() { // Fatalf ends it
		defer close(ended)
		test(f)
	}()
	<-ended
	f.cancel()
	for _, c := range slices.Backward(f.cleanups) {
		c()
	}
	return f.failures
}

func (f *fakeT) Helper()                  {}
func (f *fakeT) Cleanup(c func())         { f.cleanups = append(f.cleanups, c) }
func (f *fakeT) Context() context.Context { return f.ctx }

func (f *fakeT) Errorf(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failures = append(f.failures, fmt.Sprintf(format, args...))
}

func (f *fakeT) Fatalf(format string, args ...any) {
	f.Errorf(format, args...)
	goexit()
}

// oneFailure fails t unless there is one, which has all these words in it.
func oneFailure(t *testing.T, failures []string, words ...string) {
	t.Helper()
	if len(failures) != 1 {
		t.Fatalf("want one failure, got %q", failures)
	}
	for _, w := range words {
		if !strings.Contains(failures[0], w) {
			t.Errorf("%q is not in %q", w, failures[0])
		}
	}
}

// none fails t for each failure of a fake test.
func none(t *testing.T, failures []string) {
	t.Helper()
	for _, f := range failures {
		t.Error(f)
	}
}
