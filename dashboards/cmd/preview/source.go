package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// source asks Prometheus, and Jaeger and a log if there are any.
type source struct {
	base       string
	jaeger     string
	records    []record
	start, end time.Time
	step       time.Duration
	scrape     time.Duration
}

// points are how many a panel has at most; Grafana's panels have about as many.
const points = 240

func newSource(base string, span, scrape time.Duration) *source {
	now := time.Now()
	step := max(span/points, time.Second).Round(time.Second)
	return &source{
		base: strings.TrimRight(base, "/"), start: now.Add(-span), end: now, step: step,
		scrape: scrape,
	}
}

// stepOf is the time between two points of a panel.
func (s *source) stepOf(p panel) time.Duration {
	least, _ := time.ParseDuration(p.Interval)
	return max(s.step, least)
}

// rateInterval is Grafana's, for a panel with this step.
func (s *source) rateInterval(step time.Duration) string {
	return fmt.Sprintf("%ds", int(max(4*s.scrape, step+s.scrape).Seconds()))
}

// series is one line of an answer.
type series struct {
	labels map[string]string
	legend string
	t, v   []float64
}

// choose returns a value for each variable: one that was given, all, or the
// first there is.
func (s *source) choose(ctx context.Context, b board, given variables) (variables, error) {
	chosen := variables{
		"__rate_interval": s.rateInterval(s.step),
		"__range":         fmt.Sprintf("%ds", int(s.end.Sub(s.start).Seconds())),
	}
	for _, v := range b.Templating.List {
		if value, ok := given[v.Name]; ok {
			chosen[v.Name] = value
			continue
		}
		if v.Type == "custom" {
			chosen[v.Name] = fmt.Sprint(v.Current.Value)
			continue
		}
		selector, ok := strings.CutPrefix(v.Definition, "label_values(")
		switch {
		case !ok:
			continue // a data source
		case v.IncludeAll:
			chosen[v.Name] = ".*"
			continue
		}
		selector = strings.TrimSuffix(selector, ", "+v.Name+")")
		// As in Grafana: all values that were there within the time range.
		expr := "group by (" + v.Name + ") (last_over_time(" + selector + "[$__range]))"
		found, err := s.query(ctx, target{Expr: chosen.replace(expr), Instant: true})
		if err != nil {
			return nil, err
		}
		values := make(map[string]bool)
		for _, one := range found {
			values[one.labels[v.Name]] = true
		}
		for _, value := range slices.Sorted(maps.Keys(values)) {
			chosen[v.Name] = value
			break
		}
	}
	return chosen, nil
}

// query runs a query whose variables have values.
func (s *source) query(ctx context.Context, q target) ([]series, error) {
	return s.queryEvery(ctx, q, s.step)
}

func (s *source) queryEvery(ctx context.Context, q target, step time.Duration) ([]series, error) {
	at := func(t time.Time) string { return strconv.FormatFloat(float64(t.UnixMilli())/1e3, 'f', -1, 64) }
	path, form := "/api/v1/query_range", url.Values{
		"query": {q.Expr}, "start": {at(s.start)}, "end": {at(s.end)}, "step": {strconv.FormatFloat(step.Seconds(), 'f', -1, 64)},
	}
	if q.Instant {
		path, form = "/api/v1/query", url.Values{"query": {q.Expr}, "time": {at(s.end)}}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.base+path+"?"+form.Encode(), http.NoBody)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Error string
		Data  struct {
			ResultType string
			Result     []struct {
				Metric map[string]string
				Value  *sample
				Values []sample
			}
		}
	}
	if err := s.get(req, &answer); err != nil {
		return nil, fmt.Errorf("prometheus: %w", err)
	}
	if answer.Error != "" {
		return nil, fmt.Errorf("%s: %s", q.Expr, answer.Error)
	}
	var found []series
	for _, r := range answer.Data.Result {
		one := series{labels: r.Metric, legend: label(q.LegendFormat, r.Metric)}
		if r.Value != nil {
			r.Values = []sample{*r.Value}
		}
		for _, v := range r.Values {
			one.t, one.v = append(one.t, v[0]), append(one.v, v[1])
		}
		found = append(found, one)
	}
	slices.SortFunc(found, func(a, b series) int { return strings.Compare(a.legend, b.legend) })
	return found, nil
}

// get reads JSON, which also an answer with an error is.
func (s *source) get(req *http.Request, to any) error {
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(to); err != nil {
		return fmt.Errorf("answers %s: %w", resp.Status, err)
	}
	return nil
}

// sample is a time and a value, which Prometheus writes as a string.
type sample [2]float64

// UnmarshalJSON implements json.Unmarshaler.
func (s *sample) UnmarshalJSON(text []byte) error {
	var pair [2]any
	if err := json.Unmarshal(text, &pair); err != nil {
		return err
	}
	value, _ := pair[1].(string)
	v, err := strconv.ParseFloat(value, 64)
	if err != nil {
		v = math.NaN()
	}
	s[0], _ = pair[0].(float64)
	s[1] = v
	return nil
}

// label fills the places of a legend's format.
func label(format string, labels map[string]string) string {
	return place.ReplaceAllStringFunc(format, func(s string) string { return labels[place.FindStringSubmatch(s)[1]] })
}

// place is where a legend's format has a label.
var place = regexp.MustCompile(`\{\{\s*(\w+)\s*\}\}`)
