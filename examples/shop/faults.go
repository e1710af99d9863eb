package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
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

// parseFaults reads the value of -faults.
func parseFaults(s string) (faultTable, error) {
	table := make(faultTable)
	if s == "" {
		return table, nil
	}
	for _, part := range strings.Split(s, ",") {
		name, f, err := parseFault(strings.TrimSpace(part))
		if err != nil {
			return nil, fmt.Errorf("-faults %q: %w", part, err)
		}
		table[name] = append(table[name], f)
		sum := 0.0
		for _, f := range table[name] {
			sum += f.share
		}
		if sum > 1+1e-9 {
			return nil, fmt.Errorf("-faults: the shares of %s add up to %v: keep them at 1 or less", name, sum)
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
type injector struct {
	table faultTable
	// released is closed when the shop has ended, so that a shop that is part
	// of a larger process (a test) leaves no hanging goroutine behind.
	released chan struct{}
}

func newInjector(table faultTable) *injector {
	return &injector{table: table, released: make(chan struct{})}
}

func (i *injector) release() { close(i.released) }

// strike lets at most one fault befall this run of the callback. nil means
// that the callback shall run as usual.
func (i *injector) strike(ctx context.Context, name string) error {
	dice := rand.Float64()
	for _, f := range i.table[name] {
		if dice -= f.share; dice >= 0 {
			continue
		}
		switch f.kind {
		case faultError:
			return fmt.Errorf("%w: %s fails", errFault, name)
		case faultPanic:
			panic(fmt.Sprintf("injected fault: %s panics", name))
		case faultHang:
			<-i.released // deaf to ctx: that is the fault
			return fmt.Errorf("%w: %s hung until the shop ended", errFault, name)
		case faultSlow:
			return wait(ctx, f.delay)
		}
	}
	return nil
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
