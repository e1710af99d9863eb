package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// faultKind is one way a callback can go wrong.
type faultKind string

const (
	faultError faultKind = "error"
	faultPanic faultKind = "panic"
	faultHang  faultKind = "hang"
	faultSlow  faultKind = "slow"
)

var errFault = errors.New("injected fault")

// fault befalls a share of one callback's runs.
type fault struct {
	kind  faultKind
	delay time.Duration // faultSlow only
	share float64
}

// faultTable lists the faults of each callback.
type faultTable map[string][]fault

// parseFaults reads the value of -faults, or the body of PUT /faults. The caller
// says in an error which.
func parseFaults(s string) (faultTable, error) {
	table := make(faultTable)
	if s == "" {
		return table, nil
	}
	for _, part := range strings.Split(s, ",") {
		name, f, err := parseFault(strings.TrimSpace(part))
		if err != nil {
			return nil, fmt.Errorf("%q: %w", part, err)
		}
		table[name] = append(table[name], f)
		sum := 0.0
		for _, f := range table[name] {
			sum += f.share
		}
		if sum > 1+1e-9 {
			return nil, fmt.Errorf("%q: the shares of %s add up to %v: keep them at 1 or less", part, name, sum)
		}
	}
	return table, nil
}

func parseFault(s string) (name string, f fault, err error) {
	name, rest, ok := strings.Cut(s, "=")
	if !ok {
		return "", f, errors.New("use NAME=KIND:SHARE, as in order.webhook=error:0.2")
	}
	if !slices.Contains(callbackNames, name) {
		return "", f, fmt.Errorf("no callback is called %q: use one of %s", name, strings.Join(callbackNames, ", "))
	}
	kind, share, ok := strings.Cut(rest, ":")
	if !ok {
		return "", f, fmt.Errorf("%q has no share: add one, as in %s=%s:0.2", rest, name, rest)
	}
	if f.share, err = strconv.ParseFloat(share, 64); err != nil || !(f.share > 0 && f.share <= 1) {
		return "", f, fmt.Errorf("share %q: use a number above 0 and up to 1", share)
	}
	arg, isSlow := strings.CutPrefix(kind, string(faultSlow)+"(")
	switch {
	case isSlow && strings.HasSuffix(arg, ")"):
		f.kind = faultSlow
		if f.delay, err = time.ParseDuration(strings.TrimSuffix(arg, ")")); err != nil || f.delay <= 0 {
			return "", f, fmt.Errorf("%s: use a positive duration, as in slow(500ms)", kind)
		}
	case kind == string(faultError), kind == string(faultPanic), kind == string(faultHang):
		f.kind = faultKind(kind)
	default:
		return "", f, fmt.Errorf("kind %q: use error, panic, hang or slow(500ms)", kind)
	}
	return name, f, nil
}

// injector makes callbacks fail as its table says.
type injector struct{ current atomic.Pointer[injection] }

// injection is a table and what it has brought about.
type injection struct {
	table faultTable
	over  chan struct{} // closed when another table is in force
}

func newInjector(table faultTable) *injector {
	i := &injector{}
	i.set(table)
	return i
}

// set puts a table in force, and ends the hanging of callbacks that hang by the
// one before. The empty table does so at the end of the shop, which leaves no
// hanging goroutine behind if it is part of a larger process (a test).
func (i *injector) set(table faultTable) {
	if before := i.current.Swap(&injection{table: table, over: make(chan struct{})}); before != nil {
		close(before.over)
	}
}

// strike lets at most one fault befall this run of the callback. nil means
// that the callback shall run as usual.
func (i *injector) strike(ctx context.Context, name string) error {
	now := i.current.Load()
	dice := rand.Float64()
	for _, f := range now.table[name] {
		if dice -= f.share; dice >= 0 {
			continue
		}
		switch f.kind {
		case faultError:
			return fmt.Errorf("%w: %s fails", errFault, name)
		case faultPanic:
			panic(fmt.Sprintf("injected fault: %s panics", name))
		case faultHang:
			<-now.over // deaf to ctx: that is the fault
			return fmt.Errorf("%w: %s hung until it was let go", errFault, name)
		case faultSlow:
			return wait(ctx, f.delay)
		}
	}
	return nil
}

// ServeHTTP is GET and PUT /faults: which are in force, and which shall be from
// now on, both as -faults has them. Nothing in the body: none.
func (i *injector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPut {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		table, err := parseFaults(strings.TrimSpace(string(body)))
		if err != nil {
			http.Error(w, "body "+err.Error(), http.StatusBadRequest)
			return
		}
		i.set(table)
	}
	fmt.Fprintln(w, i.current.Load().table)
}

// String is the table as -faults has it.
func (t faultTable) String() string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(t)) {
		for _, f := range t[name] {
			kind := string(f.kind)
			if f.kind == faultSlow {
				kind = fmt.Sprintf("%s(%v)", faultSlow, f.delay)
			}
			parts = append(parts, fmt.Sprintf("%s=%s:%v", name, kind, f.share))
		}
	}
	return strings.Join(parts, ",")
}

// wait returns after d, or when ctx ends, with its cause.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
