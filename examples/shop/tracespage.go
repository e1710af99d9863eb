package main

import (
	"cmp"
	"net/url"
	"slices"
	"time"

	"go.opentelemetry.io/otel/codes"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

// tracesData is what the page of traces shows: one trace on a scale of time, or
// a list of the newest spans.
type tracesData struct {
	ID     string // of the one trace
	Name   string // of the spans, "" for those of any
	JSON   string // where a program finds the same
	Hint   string
	Spans  []spanRow
	Linked []spanRow // the callbacks that the trace has asked for
}

// spanRow is a span on the page. Bars are in thousandths of the scale.
type spanRow struct {
	spanJSON
	Elsewhere bool // not in the trace that the page shows
	Outcome   string
	AtMS      float64 // since the first span began
	From, For float64
}

// leastBar is what can still be seen of a span that was short.
const leastBar = 6

func newTracesData(q url.Values, body tracesBody) *tracesData {
	d := &tracesData{ID: q.Get("trace_id"), Name: q.Get("name"), Spans: rows(body.Spans, false), Linked: rows(body.Linked, true)}
	if body.Hint != "" {
		d.Hint = sentence(body.Hint)
	}
	q.Set("json", "")
	d.JSON = "/traces?" + q.Encode()
	if d.ID != "" {
		d.scale()
	}
	return d
}

func rows(spans []spanJSON, elsewhere bool) []spanRow {
	var all []spanRow
	for _, s := range spans {
		outcome, _ := s.Attributes[names.AttrOutcome].(string)
		if outcome == "" && s.Status == codes.Error.String() {
			outcome = runner.OutcomeError.String()
		}
		all = append(all, spanRow{spanJSON: s, Elsewhere: elsewhere, Outcome: cmp.Or(outcome, runner.OutcomeSuccess.String())})
	}
	return all
}

// scale orders the spans of a trace by time, and measures their bars.
func (d *tracesData) scale() {
	var first, last time.Time
	for _, list := range [][]spanRow{d.Spans, d.Linked} {
		slices.SortStableFunc(list, func(a, b spanRow) int { return a.Start.Compare(b.Start) })
		for _, s := range list {
			if first.IsZero() || s.Start.Before(first) {
				first = s.Start
			}
			if end := s.end(); end.After(last) {
				last = end
			}
		}
	}
	whole := max(milliseconds(last.Sub(first)), 1e-3)
	for _, list := range [][]spanRow{d.Spans, d.Linked} {
		for i := range list {
			s := &list[i]
			s.AtMS = milliseconds(s.Start.Sub(first))
			s.For = max(1000*s.DurationMS/whole, leastBar)
			s.From = min(1000*s.AtMS/whole, 1000-s.For)
		}
	}
}

func (s spanRow) end() time.Time {
	return s.Start.Add(time.Duration(s.DurationMS * float64(time.Millisecond)))
}

// Words says how the span has ended, as people say it.
func (s spanRow) Words() string { return cmp.Or(outcomeWords[s.Outcome], s.Outcome) }
