package histogram_test

import (
	"fmt"
	"sync"
	"time"

	"github.com/afterglow-go/afterglow/histogram"
)

// A type that counts durations embeds the histogram beside the mutex that guards
// it. A reader copies the histogram under the mutex and computes without it.
func Example() {
	layout, err := histogram.NewLayout([]time.Duration{100 * time.Millisecond, time.Second})
	if err != nil {
		fmt.Println(err)
		return
	}
	var mails struct {
		mu   sync.Mutex
		took histogram.Histogram // guarded by mu
	}
	mails.took = histogram.New(layout)

	for _, took := range []time.Duration{20 * time.Millisecond, 80 * time.Millisecond, 90 * time.Millisecond, 3 * time.Second} {
		mails.mu.Lock()
		mails.took.Observe(took)
		mails.mu.Unlock()
	}

	mails.mu.Lock()
	s, _ := mails.took.Snapshot(nil)
	mails.mu.Unlock()
	classic := s.Classic()
	for i, bound := range layout.Bounds() {
		fmt.Println(classic[i], "took up to", bound)
	}
	fmt.Println(s.Count(), "took", time.Duration(s.Sum()))
	fmt.Println("median", s.Quantile(.5).Round(10*time.Millisecond))
	// Output:
	// 3 took up to 100ms
	// 3 took up to 1s
	// 4 took 3.19s
	// median 80ms
}

// A scrape takes a coarser schema if there are too many buckets.
func ExampleSnapshot_Native() {
	layout, err := histogram.NewLayout(nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	h := histogram.New(layout)
	for d := time.Microsecond; d < time.Hour; d += d / 10 {
		h.Observe(d)
	}
	s, _ := h.Snapshot(nil)
	schema := int32(histogram.Schema)
	spans, deltas := s.Native(schema)
	for len(deltas) > histogram.MaxNativeBuckets && schema > 0 {
		schema--
		spans, deltas = s.Native(schema)
	}
	fmt.Println("schema", schema, "has", len(deltas), "buckets in", len(spans), "span")
	// Output:
	// schema 2 has 127 buckets in 1 span
}
