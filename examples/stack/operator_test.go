package main

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/examples/internal/alerts"
	"github.com/afterglow-go/afterglow/examples/internal/jaeger"
)

// operator goes from a notification to the line of code, by what the notification and
// the dashboards say and by nothing else. Each page, record, trace and span that is
// opened is a click, and so is the way from a panel that is shown alone to the others.
type operator struct {
	*testStack
	boards []dashboard
	alert  alerts.Alert
	page   page
	clicks int
}

// isTold waits until an alert has come, and opens the dashboard that it links to. What an alert says is
// renewed by each evaluation. The first one may know no callback yet, or come before a slow run of the culprit has
// ended. So it waits until the link leads to a page and, if that is the page of one callback, to the culprit's.
// Empty: whichever callback it is.
func (ts *testStack) isTold(alert, culprit string, boards []dashboard) *operator {
	ts.t.Helper()
	o := &operator{testStack: ts, boards: boards}
	ts.eventually(func() bool {
		o.alert = ts.told(alerts.Firing)[alert]
		return o.alert.Name() != ""
	}, "%s is told", alert)
	ts.eventually(func() bool {
		p, err := openPage(ts.t, boards, o.alert.Annotations["dashboard_url"])
		if blamed, has := p.values["callback"]; err != nil || has && culprit != "" && blamed != culprit {
			o.renew()
			return false
		}
		o.page = p
		return true
	}, "%s blames %s", alert, culprit)
	o.clicks++
	if o.page.panel != "" {
		shown := ""
		each(o.page.board.Panels, func(p panel) {
			if strconv.Itoa(p.ID) == o.page.panel {
				shown = p.Title
			}
		})
		require.Contains(ts.t, o.alert.Annotations["description"], "Panel: "+shown+".", "the link opens the panel that the alert names")
	}
	return o
}

// renew asks Prometheus what the alert says now.
func (o *operator) renew() {
	o.t.Helper()
	var body struct {
		Data struct {
			Alerts []struct{ Labels, Annotations map[string]string }
		}
	}
	o.get(o.prometheusURL+"/api/v1/alerts", &body)
	for _, a := range body.Data.Alerts {
		if a.Labels["alertname"] == o.alert.Name() {
			o.alert.Annotations = a.Annotations
		}
	}
}

// open opens a dashboard.
func (o *operator) open(address string) {
	o.t.Helper()
	p, err := openPage(o.t, o.boards, address)
	require.NoError(o.t, err)
	o.page = p
	o.clicks++
}

// navigate follows the link on top of a dashboard to another one.
func (o *operator) navigate(uid string) {
	o.t.Helper()
	for _, l := range o.page.board.Links {
		address := o.page.fill(l.URL, nil)
		if l.IncludeVars {
			address += "?" + o.page.variablesOf(o.boards, uid)
		}
		if p, err := openPage(o.t, o.boards, address); err == nil && p.board.UID == uid {
			o.open(address)
			return
		}
	}
	require.Fail(o.t, "no link", "%s: to %s", o.page.board.UID, uid)
}

// find returns a panel.
func (o *operator) find(title string) panel {
	o.t.Helper()
	p := o.page.find(title)
	if o.page.panel != "" && o.page.panel != strconv.Itoa(p.ID) {
		o.page.panel = ""
		o.clicks++
	}
	return p
}

// is requires that a variable of the page has a value.
func (o *operator) is(name, value string) {
	o.t.Helper()
	require.Equal(o.t, value, o.page.values[name], "%s of %s", name, o.page.board.UID)
}

// first waits until the first line of a panel, that with the highest value now, has a
// label with this value. It returns the line's labels.
func (o *operator) first(title, label, want string) map[string]string {
	o.t.Helper()
	p := o.find(title)
	var found []series
	o.eventually(func() bool {
		found = o.query(o.page.filled(p.Targets[0]).Expr)
		slices.SortStableFunc(found, func(a, b series) int { return cmp.Compare(b.number(o.t), a.number(o.t)) })
		return len(found) > 0 && found[0].Metric[label] == want
	}, "%s: %s: the first %s is %s", o.page.board.UID, title, label, want)
	return found[0].Metric
}

// follow follows the link of a panel to a dashboard, from the line with these labels.
func (o *operator) follow(title, uid string, labels map[string]string) {
	o.t.Helper()
	for _, l := range o.find(title).links(o.t) {
		address := o.page.fill(l.URL, labels)
		if p, err := openPage(o.t, o.boards, address); err == nil && p.board.UID == uid {
			o.open(address)
			return
		}
	}
	require.Fail(o.t, "no link", "%s: %s: to %s", o.page.board.UID, title, uid)
}

// record opens the newest record of a panel, when it is one that ok takes.
func (o *operator) record(title string, ok func(record) bool) record {
	o.t.Helper()
	p := o.find(title)
	var found []record
	o.eventually(func() bool {
		_, found = o.records(o.page.filled(p.Targets[0]).Expr)
		return len(found) > 0 && ok(found[0])
	}, "%s: %s: the newest record, of %s", o.page.board.UID, title, message{"%v", []any{&found}})
	o.clicks++
	return found[0]
}

// shows waits until the newest line of a panel of records has a text, which is read
// without opening the record.
func (o *operator) shows(title, text string) {
	o.t.Helper()
	p := o.find(title)
	var lines []string
	o.eventually(func() bool {
		q, found := o.records(o.page.filled(p.Targets[0]).Expr)
		lines = lines[:0]
		for _, r := range found {
			lines = append(lines, q.line(o.t, r))
		}
		return len(lines) > 0 && strings.Contains(lines[0], text)
	}, "%s: %s: the newest line has %s: %s", o.page.board.UID, title, text, message{"%v", []any{&lines}})
}

// trace opens the first trace of a panel.
func (o *operator) trace(title string) jaeger.Trace {
	o.t.Helper()
	p := o.find(title)
	var found []jaeger.Trace
	o.eventually(func() bool {
		found = o.search(o.page.filled(p.Targets[0]))
		return len(found) > 0
	}, "%s: %s: a trace", o.page.board.UID, title)
	o.clicks++
	return found[0]
}

// exemplar opens the trace of the point that lies highest on a panel of a callback.
func (o *operator) exemplar(title string) jaeger.Trace {
	o.t.Helper()
	p := o.find(title)
	server := &jaeger.Server{Query: o.jaegerURL}
	var trace jaeger.Trace
	o.eventually(func() bool {
		highest, id := -1.0, ""
		for _, tg := range p.Targets {
			if !tg.Exemplar {
				continue
			}
			for _, e := range o.exemplars(o.page.filled(tg).Expr) {
				if value, err := strconv.ParseFloat(e.Value, 64); err == nil && value > highest {
					highest, id = value, e.Labels["trace_id"]
				}
			}
		}
		var err error
		trace, err = server.Trace(o.t.Context(), id)
		return id != "" && err == nil
	}, "%s: %s: the trace of an exemplar", o.page.board.UID, title)
	o.clicks++
	return trace
}

// longest is the span of a trace that took longest and has no child: the culprit, as
// the runbook has it. It is seen without a click.
func longest(trace jaeger.Trace) jaeger.Span {
	parents := make(map[string]bool)
	for _, s := range trace.Spans {
		for _, r := range s.References {
			if r.RefType == "CHILD_OF" {
				parents[r.SpanID] = true
			}
		}
	}
	var longest jaeger.Span
	for _, s := range trace.Spans {
		if !parents[s.SpanID] && s.Duration >= longest.Duration {
			longest = s
		}
	}
	return longest
}

// span opens the span of a callback, whose attributes say which function was asked for.
func (o *operator) span(trace jaeger.Trace, operation string) jaeger.Span {
	o.t.Helper()
	i := slices.IndexFunc(trace.Spans, func(s jaeger.Span) bool { return s.OperationName == operation })
	require.GreaterOrEqual(o.t, i, 0, "%v has %s", trace, operation)
	o.clicks++
	return trace.Spans[i]
}
