package schema

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

// Section is a table of the schema. The first column of each row is its name.
type Section struct {
	Title   string
	Text    string
	Columns []string
	Rows    [][]string
}

// The titles of the sections.
const (
	Metrics     = "Metrics"
	Queries     = "Questions and queries"
	Labels      = "Labels"
	LabelValues = "Label values"
	Exemplars   = "Exemplars"
	Spans       = "Spans"
	Attributes  = "Attributes"
	Events      = "Events"
	Messages    = "Log messages"
	Keys        = "Log keys"
	Profiles    = "Profiles and execution traces"
)

// source is all that the schema is made of.
type source struct {
	names   []Group // of package telemetry/names
	reasons []Name  // of rejections
	misuses []Name  // the same label of MetricMisuse
	states  []Name  // of places
	ends    []Name  // the outcomes
	profile []Name
	metrics map[string]metric
	taken   map[string]bool // which constants of names have a row
	errs    []error
}

// Sections returns the schema. dir is the directory of package telemetry.
func Sections(dir string) ([]Section, error) {
	s := &source{taken: make(map[string]bool)}
	if err := s.read(dir); err != nil {
		return nil, err
	}
	sections := []Section{
		s.metricTable(), s.queryTable(), s.labelTable(), s.valueTable(),
		s.table(Exemplars, "Exemplar", "name", nil),
		s.spanTable(),
		s.table(Attributes, "Attr", "name", conventions()),
		s.table(Events, "Event", "name", []Name{exceptionEvent()}),
		s.messageTable(),
		s.table(Keys, "Key", "key", nil),
		s.profileTable(),
	}
	for _, g := range s.names {
		for _, n := range g.Names {
			if !s.taken[n.Const] {
				s.fail("%s of package names has no row: give it the prefix of its kind", n.Const)
			}
			if n.Meaning == "" && !strings.HasPrefix(n.Const, "Scope") {
				s.fail("%s of package names has no comment", n.Const)
			}
		}
	}
	return sections, errors.Join(s.errs...)
}

func (s *source) read(dir string) (err error) {
	if s.names, err = Names(dir); err != nil {
		return err
	}
	core := filepath.Join(dir, "..", "runner")
	reasons, err := Constants(filepath.Join(core, "rejection.go"))
	if err != nil {
		return err
	}
	s.reasons = named(reasons, "Reason")
	for i := range s.reasons {
		s.reasons[i].Value = runner.Reason(i).String()
	}
	misuses, err := Constants(filepath.Join(core, "misuse.go"))
	if err != nil {
		return err
	}
	s.misuses = named(misuses, "Misuse")
	for i := range s.misuses {
		s.misuses[i].Value = runner.Misuse(i).String()
	}
	places, err := Constants(filepath.Join(core, "place.go"))
	if err != nil {
		return err
	}
	s.states = named(places, "Place")
	for i := range s.states {
		s.states[i].Value = runner.Place(i).String()
		_, s.states[i].Meaning, _ = strings.Cut(s.states[i].Meaning, ": ")
	}
	outcomes, err := Constants(filepath.Join(core, "outcome.go"))
	if err != nil {
		return err
	}
	s.ends = outcomes[0].Names[:runner.NumOutcomes]
	for i := range s.ends {
		s.ends[i].Value = runner.Outcome(i).String()
		_, s.ends[i].Meaning, _ = strings.Cut(s.ends[i].Meaning, ": ")
	}
	labels, err := Constants(filepath.Join(core, "labels.go"))
	if err != nil {
		return err
	}
	task, err := Constants(filepath.Join(dir, "task.go"))
	if err != nil {
		return err
	}
	s.profile = append(named(labels, "label"), named(task, "task")...)
	s.metrics, err = scrape()
	return err
}

func (s *source) fail(format string, args ...any) {
	s.errs = append(s.errs, fmt.Errorf("schema: "+format, args...))
}

// take returns the constants of a kind, which thereby have a row.
func (s *source) take(prefix string) []Name {
	rows := named(s.names, prefix)
	for _, n := range rows {
		s.taken[n.Const] = true
	}
	return rows
}

// table is one of names and meanings only.
func (s *source) table(title, prefix, column string, more []Name) Section {
	t := Section{Title: title, Text: intro(s.names, prefix), Columns: []string{column, "meaning"}}
	rows := append(s.take(prefix), more...)
	units := slices.ContainsFunc(rows, func(n Name) bool { return unitOf(n) != "" })
	if units {
		t.Columns = append(t.Columns, "unit")
	}
	for _, n := range rows {
		row := []string{code(n.Value), n.Meaning}
		if units {
			row = append(row, unitOf(n))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// unitOf tells the unit of an attribute or a key: its name says it or, in the
// semantic conventions' style, its meaning does.
func unitOf(n Name) string {
	if strings.HasSuffix(n.Value, "_seconds") || strings.HasPrefix(n.Meaning, "Seconds ") {
		return "seconds"
	}
	return ""
}

// values is how many values each label has whose values are known.
func (s *source) values() map[string]int {
	return map[string]int{
		names.LabelOutcome: len(s.ends),
		names.LabelReason:  len(s.reasons),
		names.LabelState:   len(s.states),
		names.LabelResult:  len(named(s.names, "Result")),
		names.LabelSignal:  len(named(s.names, "Signal")),
		names.LabelMode:    len(named(s.names, "Mode")),
	}
}

func (s *source) metricTable() Section {
	t := Section{Title: Metrics, Columns: []string{"name", "type", "labels", "unit", "series", "meaning"}}
	totals := make(map[string]int)
	for _, n := range s.take("Metric") {
		m, ok := s.metrics[n.Value]
		if !ok {
			s.fail("no scrape has %s", n.Value)
			continue
		}
		delete(s.metrics, n.Value)
		values := s.values()
		switch n.Value {
		case names.MetricMisuse:
			values[names.LabelReason] = len(s.misuses)
		case names.MetricRejected:
			values[names.LabelReason]-- // one is of durable tasks only
		case names.MetricDurableTasks:
			values[names.LabelState] = len(named(s.names, "State"))
		}
		c := m.cardinality(values)
		totals[c.of] += c.n
		t.Rows = append(t.Rows, []string{code(m.name), m.kind, strings.Join(m.labels, ", "), m.unit, c.String(), m.help})
	}
	for name := range s.metrics {
		s.fail("a scrape has %s, and package names has not", name)
	}
	t.Text = fmt.Sprintf("Series are those of the classic format with the default buckets, at most: for each of R runners, and for each of their C callback names. "+
		"C is at most Config.MaxNames, and one more for all other names. Together they are %d R C + %d R + %d. "+
		"A native histogram is one series instead, with at most 160 buckets. "+
		"A queue of durable tasks has series of the metrics of runners too, with the label mode: all but those of places, of the queue's depth and oldest, of the response delay "+
		"and of what a shutdown lost. The metrics that only durable tasks have are at most %d D T + %d D + %d D Q series: of D such queues of the process, with T task names, and Q queues in the store.",
		totals["R C"], totals["R"], totals[""], totals["D T"], totals["D"], totals["D Q"])
	return t
}

func (s *source) queryTable() Section {
	t := Section{Title: Queries, Text: "One example each, in PromQL.", Columns: []string{"name", "the question it answers", "query"}}
	for _, n := range named(s.names, "Metric") {
		query := cmp.Or(queries[n.Value], durableQueries[n.Value])
		if !strings.Contains(query, n.Value) {
			s.fail("no query of queries.go asks for %s", n.Value)
		}
		t.Rows = append(t.Rows, []string{code(n.Value), n.Meaning, code(query)})
	}
	return t
}

func (s *source) labelTable() Section {
	t := Section{Title: Labels, Text: intro(s.names, "Label"), Columns: []string{"name", "values", "meaning"}}
	values := s.values()
	values[names.LabelReason] += len(s.misuses)
	values[names.LabelState] += len(named(s.names, "State"))
	for _, n := range s.take("Label") {
		bound := "1"
		switch v := values[n.Value]; {
		case n.Value == names.LabelRunner:
			bound = "R"
		case n.Value == names.LabelCallback:
			bound = "C"
		case n.Value == names.LabelQueue:
			bound = "Q"
		case v > 0:
			bound = fmt.Sprint(v)
		}
		t.Rows = append(t.Rows, []string{code(n.Value), bound, n.Meaning})
	}
	return t
}

func (s *source) valueTable() Section {
	t := Section{
		Title: LabelValues, Columns: []string{"value", "label", "meaning"},
		Text: "All of them, but for names and versions. Attributes and log keys for outcomes and reasons have the same values.",
	}
	add := func(label string, values []Name) {
		for _, n := range values {
			t.Rows = append(t.Rows, []string{code(n.Value), code(label), upper(n.Meaning)})
		}
	}
	add(names.LabelCallback, s.take("Other"))
	add(names.LabelOutcome, s.ends)
	add(names.LabelReason, s.reasons)
	add(names.LabelReason, s.misuses)
	add(names.LabelState, s.states)
	add(names.LabelState, s.take("State"))
	add(names.LabelMode, s.take("Mode"))
	add(names.LabelResult, s.take("Result"))
	add(names.LabelSignal, s.take("Signal"))
	return t
}

func (s *source) spanTable() Section {
	scope := s.take("ScopeName")[0]
	t := Section{
		Title: Spans, Columns: []string{"name", "kind", "meaning"},
		Text: intro(s.names, "Span") + " Names are as few as those of callbacks and runners. The instrumentation scope is " + code(scope.Value) + ". Status is unset on success, otherwise Error with a description.",
	}
	for _, n := range s.take("Span") {
		kind, meaning, _ := strings.Cut(n.Meaning, ", ")
		t.Rows = append(t.Rows, []string{code(n.Value), kind, upper(meaning)})
	}
	return t
}

func (s *source) messageTable() Section {
	t := Section{Title: Messages, Text: intro(s.names, "Log"), Columns: []string{"message", "level", "when"}}
	for _, n := range s.take("Log") {
		level, when, ok := strings.Cut(n.Meaning, ": ")
		if !ok {
			s.fail("the comment of %s does not begin with a level and a colon", n.Const)
		}
		t.Rows = append(t.Rows, []string{code(n.Value), level, upper(when)})
	}
	return t
}

func (s *source) profileTable() Section {
	t := Section{
		Title: Profiles, Columns: []string{"name", "meaning"},
		Text: "The labels are on the goroutine of each callback while it runs, in CPU and goroutine profiles. In an execution trace each callback is a task that is called as its span is.",
	}
	for _, n := range s.profile {
		t.Rows = append(t.Rows, []string{code(n.Value), n.Meaning})
	}
	return t
}
