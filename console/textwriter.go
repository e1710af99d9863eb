package console

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// textWriter writes a page as plain text.
type textWriter struct {
	out   bytes.Buffer
	table *tabwriter.Writer // nil: no table has begun
}

// end ends a table.
func (w *textWriter) end() {
	if w.table != nil {
		_ = w.table.Flush() // a bytes.Buffer does not fail
		w.table = nil
	}
}

func (w *textWriter) title(s string) {
	w.end()
	fmt.Fprintf(&w.out, "\n%s\n%s\n", s, strings.Repeat("-", len([]rune(s))))
}

func (w *textWriter) line(format string, args ...any) {
	w.end()
	fmt.Fprintf(&w.out, format+"\n", args...)
}

// block writes text of several lines, indented.
func (w *textWriter) block(s string) {
	w.end()
	for line := range strings.Lines(s) {
		w.out.WriteString("    " + strings.TrimRight(line, "\n") + "\n")
	}
}

// row writes a row of a table.
func (w *textWriter) row(cells ...any) {
	if w.table == nil {
		w.table = tabwriter.NewWriter(&w.out, 0, 0, 2, ' ', 0)
	}
	for i, c := range cells {
		if i > 0 {
			fmt.Fprint(w.table, "\t")
		}
		fmt.Fprint(w.table, c)
	}
	fmt.Fprintln(w.table)
}

func (w *textWriter) head(h *Head) {
	w.line("%s: %s", h.Title, h.Headline)
	switch {
	case h.At.IsZero():
		w.line("%s", h.Now.Format(time.RFC3339))
	case h.Stale:
		w.line("%s, figures are %v old", h.Now.Format(time.RFC3339), h.Age)
	default:
		w.line("%s", h.At.Format(time.RFC3339))
	}
}

func (w *textWriter) verdicts(all []Verdict) {
	for _, v := range all {
		w.line("\n[%s] %s", v.Level, v.Text)
		for _, more := range []string{v.Why, v.Do} {
			if more != "" {
				w.line("    %s", more)
			}
		}
		if v.Link != "" {
			w.line("    see %s", v.Link)
		}
	}
}

func (w *textWriter) callbacks(rows []CallbackRow, several bool) {
	head := []any{"NAME", "ASKED", "FAILED 5M", "P50", "P95", "P99", "TIMEOUT", "RUNNING", "STUCK", "WAITING", "LAST SUCCESS", "LAST ERROR"}
	if several {
		head = append([]any{"RUNNER"}, head...)
	}
	w.row(head...)
	for _, r := range rows {
		cells := []any{
			r.Name, rate(r.Rate), of(r.Failed, r.Ended), r.Run.P50, r.Run.P95, r.Run.P99, timeout(r.Timeout), r.Running, r.Stuck, r.Waiting,
			clock(r.LastSuccess), or(clean(r.LastError, 60)),
		}
		if several {
			cells = append([]any{r.Runner}, cells...)
		}
		w.row(cells...)
	}
}

func (w *textWriter) groups(groups []FailureGroup, now time.Time) {
	if len(groups) == 0 {
		w.line("None.")
		return
	}
	w.row("COUNT", "CALLBACK", "OUTCOME", "PLACE", "LAST", "ERROR", "SEE")
	for _, g := range groups {
		outcome := g.Outcome
		if g.Reason != "" {
			outcome = g.Reason
		}
		w.row(count(g.Count), g.Callback, outcome, or(g.Place), human(now.Sub(g.Last))+" ago", clean(g.Error, 100), page("failure.txt", "id", g.ID))
	}
}

func (w *textWriter) runs(runs []Run, now time.Time) {
	w.row("ENDED", "OUTCOME", "RAN", "WAITED", "DELAY", "ATTEMPT", "REF", "REQUEST", "TRACE")
	for _, r := range runs {
		w.row(human(now.Sub(r.Ended))+" ago", r.Outcome, r.Ran, r.QueueWait, r.ResponseDelay, r.Attempt, or(r.Ref), requestText(r.Request), or(r.TraceID))
	}
}

func (w *textWriter) durable(d DurableRow) {
	w.title("Durable: " + d.Name)
	if d.Problem != "" {
		w.line("It cannot be read: %s", d.Problem)
	}
	for _, q := range d.Queues {
		paused := ""
		if q.Paused {
			paused = " (paused)"
		}
		var states []string
		for _, s := range q.States {
			states = append(states, stateText(s))
		}
		w.line("%s%s: %s", q.Name, paused, strings.Join(states, ", "))
	}
}

func stateText(s DurableState) string {
	text := count(s.Count) + " " + s.State
	if s.More {
		text = count(s.Count) + "+ " + s.State
	}
	if s.Age > 0 {
		text += " (the oldest for " + human(s.Age) + ")"
	}
	return text
}

// or is a text, or a dash.
func or(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func of[A, B any](a A, b B) string { return fmt.Sprintf("%v/%v", a, b) }

func timeout(s Seconds) string {
	if s == 0 {
		return "none"
	}
	return s.String()
}

func clock(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.Format(time.TimeOnly)
}

func requestText(r *Request) string {
	if r == nil {
		return "-"
	}
	route := r.Route
	if !strings.Contains(route, " ") { // a pattern may begin with its method
		route = strings.TrimSpace(r.Method + " " + route)
	}
	if r.Status != 0 {
		route = fmt.Sprintf("%s %d", route, r.Status)
	}
	if r.Code != "" {
		route += " " + r.Code
	}
	return strings.TrimSpace(or(route) + " " + r.Ended)
}

// wordsOf lists counts by name.
func wordsOf(counts map[string]uint64) string {
	var words []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		if counts[name] > 0 {
			words = append(words, count(counts[name])+" "+name)
		}
	}
	if words == nil {
		return "none"
	}
	return strings.Join(words, ", ")
}
