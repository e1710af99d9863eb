package main

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// maxListed is how many orders with missing after-work are listed.
const maxListed = 20

// printReport prints one column a mode, and with two of them how many times
// longer the second took.
func printReport(out io.Writer, o options, results []*result) {
	pace := "as fast as they can"
	if o.rate > 0 {
		pace = fmt.Sprintf("%g orders a second", o.rate)
	}
	fmt.Fprintf(out, "%d orders, %d clients, %s, to %s\n\n", o.orders, o.clients, pace, o.url)

	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	row := func(label string, cell func(*result) string) {
		fmt.Fprintf(t, "%s\t", label)
		for _, r := range results {
			fmt.Fprintf(t, "%s\t", cell(r))
		}
		fmt.Fprintln(t)
	}
	times := func(label string, of func(*result) samples, share float64) {
		var values []time.Duration
		row(label, func(r *result) string {
			if len(of(r)) == 0 {
				return "–"
			}
			value := of(r).percentiles(share)[0]
			values = append(values, value)
			if len(values) == 2 && values[0] > 0 {
				return millis(value) + "\t" + fmt.Sprintf("%.1f x", float64(value)/float64(values[0]))
			}
			return millis(value)
		})
	}

	row("", func(r *result) string { return r.mode })
	row("orders placed", func(r *result) string { return fmt.Sprint(len(r.orders)) })
	row("placed a second", func(r *result) string { return fmt.Sprintf("%.0f", float64(len(r.orders))/r.took.Seconds()) })
	for _, code := range codes(results) {
		row(fmt.Sprintf("answers %d", code), func(r *result) string { return fmt.Sprint(r.answers[code]) })
	}
	row("no answer", func(r *result) string { return fmt.Sprint(r.errors) })
	for _, p := range []struct {
		name  string
		share float64
	}{{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}, {"max", 1}} {
		times("response "+p.name+" of the 201s", func(r *result) samples { return r.response }, p.share)
	}
	times("median by the shop's clock", func(r *result) samples { return r.server }, 0.5)
	row("after-work promised", func(r *result) string { return fmt.Sprint(r.audit.promised) })
	row("after-work done", func(r *result) string { return fmt.Sprint(r.audit.done) })
	row("after-work missing", func(r *result) string { return fmt.Sprint(r.audit.promised - r.audit.done) })
	_ = t.Flush() // the reader of standard output has left: nobody to tell

	for _, r := range results {
		printDetails(out, r)
	}
}

// printDetails says by name what went wrong, if anything did.
func printDetails(out io.Writer, r *result) {
	if n := r.answers[http.StatusServiceUnavailable]; n > 0 {
		fmt.Fprintf(out, "\nmode %s: the shop rejected %d orders (503), as it had no place left for their after-work.\n"+
			"That is its bound at work; -rate places orders more slowly.\n", r.mode, n)
	}
	if r.firstErr != nil {
		fmt.Fprintf(out, "\nmode %s, the first error: %v\n", r.mode, r.firstErr)
	}
	if len(r.audit.outcomes) > 0 {
		fmt.Fprintf(out, "\nmode %s, after-work that ended in something else than success:\n", r.mode)
		for _, key := range slices.Sorted(maps.Keys(r.audit.outcomes)) {
			fmt.Fprintf(out, "  %6d  %s\n", r.audit.outcomes[key], key)
		}
	}
	if len(r.audit.missing) > 0 {
		fmt.Fprintf(out, "\nmode %s, orders of which after-work is missing:\n", r.mode)
		for i, m := range r.audit.missing {
			if i == maxListed {
				fmt.Fprintf(out, "  and %d more\n", len(r.audit.missing)-maxListed)
				break
			}
			fmt.Fprintf(out, "  %s  %s", m.id, strings.Join(m.names, " "))
			if m.err != nil {
				fmt.Fprintf(out, " (%v)", m.err)
			}
			fmt.Fprintln(out)
		}
	}
}

// codes lists the status codes that any mode met.
func codes(results []*result) []int {
	all := make(map[int]bool)
	for _, r := range results {
		for code := range r.answers {
			all[code] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

func millis(d time.Duration) string {
	return fmt.Sprintf("%.2f ms", float64(d)/float64(time.Millisecond))
}
