package main

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/pprof/profile"
)

// The labels that a runner sets.
const (
	labelRunner   = "afterglow.runner"
	labelCallback = "afterglow.callback"
)

// work is the callbacks of one name and runner. The zero value is all that is
// no callback, such as the garbage collector.
type work struct{ runner, callback string }

func (w work) String() string {
	if w == (work{}) {
		return "(no callback)"
	}
	return w.runner + " " + w.callback
}

// share is what work has cost.
type share struct {
	work

	cpu   time.Duration
	share float64 // of all CPU time
}

// split splits the CPU time of a profile by callback, the dearest first.
func split(cpuProfile []byte) ([]share, error) {
	p, err := profile.ParseData(cpuProfile)
	if err != nil {
		return nil, fmt.Errorf("CPU profile: %w", err)
	}
	value := slices.IndexFunc(p.SampleType, func(t *profile.ValueType) bool { return t.Type == "cpu" && t.Unit == "nanoseconds" })
	if value < 0 {
		return nil, errors.New("CPU profile: it has no CPU time")
	}
	spent := make(map[work]time.Duration)
	var total time.Duration
	for _, s := range p.Sample {
		w := work{label(s, labelRunner), label(s, labelCallback)}
		cpu := time.Duration(s.Value[value])
		spent[w] += cpu
		total += cpu
	}
	var shares []share
	for w, cpu := range spent {
		shares = append(shares, share{w, cpu, float64(cpu) / float64(total)})
	}
	slices.SortFunc(shares, func(a, b share) int {
		return cmp.Or(cmp.Compare(b.cpu, a.cpu), cmp.Compare(a.String(), b.String()))
	})
	return shares, nil
}

// label is the value of a sample's label, "" if it has none.
func label(s *profile.Sample, key string) string {
	if values := s.Label[key]; len(values) > 0 {
		return values[0]
	}
	return ""
}
