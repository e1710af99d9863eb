package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"html"
	"maps"
	"math"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"time"
)

// record is a line of a log, and what Loki makes of it: its fields, or without
// JSON none.
type record struct {
	at     time.Time
	line   string
	labels map[string]string
}

// readLog reads a log of slog's JSON handler. Lines that are no JSON are left out.
func readLog(path string) ([]record, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var all []record
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if r, ok := newRecord(lines.Text()); ok {
			all = append(all, r)
		}
	}
	return all, lines.Err()
}

var notInLabels = regexp.MustCompile(`\W`)

func newRecord(line string) (record, bool) {
	var fields map[string]any
	if json.Unmarshal([]byte(line), &fields) != nil {
		return record{}, false
	}
	r := record{line: line, labels: make(map[string]string)}
	for name, value := range fields {
		if list, ok := value.([]any); ok {
			text, _ := json.Marshal(list)
			value = string(text)
		}
		r.labels[notInLabels.ReplaceAllString(name, "_")] = fmt.Sprint(value)
	}
	r.at, _ = time.Parse(time.RFC3339Nano, r.labels["time"])
	return r, true
}

// stages splits LogQL of the dashboards' kind, and no other, at its pipes.
var stages = regexp.MustCompile("\\| (label_format|line_format|unwrap|json|drop|(\\w+)=~\"([^\"]*)\")((?:[^`|]|`[^`]*`)*)|" + filtered.String())

// filtered asks for lines.
var filtered = regexp.MustCompile("\\|~ (?:\"([^\"]*)\"|`([^`]*)`)")

// pipe runs records through a query: those it is about, with the lines and
// labels that it gives them.
func pipe(expr string, all []record) (kept []record, err error) {
	parts := stages.FindAllStringSubmatch(expr, -1)
	for _, r := range all {
		r.labels = maps.Clone(r.labels)
		ok := true
		for _, part := range parts {
			switch {
			case part[5]+part[6] != "":
				ok = regexp.MustCompile(part[5] + part[6]).MatchString(r.line)
			case part[2] != "":
				ok = regexp.MustCompile("^(?:" + part[3] + ")$").MatchString(r.labels[part[2]])
			case part[1] == "line_format":
				r.line, err = fill(strings.Trim(strings.TrimSpace(part[4]), "`"), r)
			case part[1] == "label_format":
				for _, m := range assignment.FindAllStringSubmatch(part[4], -1) {
					if r.labels[m[1]], err = fill(m[2], r); err != nil {
						return nil, err
					}
				}
			}
			if err != nil {
				return nil, err
			}
			if !ok {
				break
			}
		}
		if ok {
			kept = append(kept, r)
		}
	}
	return kept, nil
}

var assignment = regexp.MustCompile("(\\w+)=`([^`]*)`")

// fill executes a template as Loki does.
func fill(text string, r record) (string, error) {
	t, err := template.New("line").Option("missingkey=zero").Funcs(template.FuncMap{
		"__line__":      func() string { return r.line },
		"__timestamp__": func() time.Time { return r.at },
		"unixEpoch":     func(t time.Time) string { return fmt.Sprint(t.Unix()) },
		"trimPrefix":    func(prefix, s string) string { return strings.TrimPrefix(s, prefix) },
		"trunc":         func(n int, s string) string { return s[:min(n, len(s))] },
		"round": func(s string, digits int) (float64, error) {
			v, err := strconv.ParseFloat(s, 64)
			by := math.Pow10(digits)
			return math.Round(v*by) / by, err
		},
		"regexReplaceAll": func(re, s, with string) string {
			return regexp.MustCompile(re).ReplaceAllString(s, with)
		},
	}).Parse(text)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	err = t.Execute(&b, r.labels)
	return b.String(), err
}

// within are the records of the time range.
func (s *source) within() []record {
	return slices.DeleteFunc(slices.Clone(s.records), func(r record) bool { return r.at.Before(s.start) || r.at.After(s.end) })
}

// logs draws records, the last one first, with what Grafana highlights in them.
func (p panel) logs(s *source, expr string) string {
	found, err := pipe(expr, s.within())
	if err != nil {
		return `<div class="failed">` + html.EscapeString(err.Error()) + `</div>`
	}
	if len(found) == 0 {
		return `<div class="none">` + html.EscapeString(orNoData(p.FieldConfig.Defaults.NoValue)) + `</div>`
	}
	asked := filtered.FindStringSubmatch(expr)
	var b strings.Builder
	slices.SortStableFunc(found, func(a, b record) int { return b.at.Compare(a.at) })
	for _, r := range found[:min(len(found), 100)] {
		line := html.EscapeString(r.line)
		if !strings.Contains(expr, "| line_format ") {
			line = html.EscapeString(r.labels["msg"]) // a line of OTLP
		}
		if asked != nil {
			line = regexp.MustCompile(asked[1]+asked[2]).ReplaceAllString(line, `<mark>$0</mark>`)
		}
		fmt.Fprintf(&b, `<div class="line"><b>%s</b> %s</div>`, r.at.Format("15:04:05.000"), line)
	}
	return b.String()
}

var (
	grouped  = regexp.MustCompile(`by \(([^)]*)\)`)
	overTime = regexp.MustCompile(`(count|min|max)_over_time\((.*?)(?: \| unwrap \w+)? \[`)
)

// count answers a query that counts records, or has the least or greatest of a
// number of theirs.
func (s *source) count(expr string) ([]series, error) {
	by, call := grouped.FindStringSubmatch(expr), overTime.FindStringSubmatch(expr)
	if by == nil || call == nil {
		return nil, fmt.Errorf("no count: %s", expr)
	}
	found, err := pipe(call[2], s.within())
	if err != nil {
		return nil, err
	}
	at := make(map[string]*series)
	for _, r := range found {
		id, labels := "", make(map[string]string)
		for _, name := range strings.Split(by[1], ", ") {
			labels[name] = r.labels[name]
			id += r.labels[name] + "\n"
		}
		one, ok := at[id]
		if !ok {
			one = &series{labels: labels, t: []float64{0}, v: []float64{0}}
			at[id] = one
		}
		seen := unix(r.at) * 1000
		switch {
		case call[1] == "count":
			one.v[0]++
		case call[1] == "min" && (!ok || seen < one.v[0]), call[1] == "max" && seen > one.v[0]:
			one.v[0] = seen
		}
	}
	var all []series
	for _, id := range slices.Sorted(maps.Keys(at)) {
		all = append(all, *at[id])
	}
	return all, nil
}

// fromNow says how long ago a time in milliseconds was.
func fromNow(ms float64) string {
	ago := time.Since(time.UnixMilli(int64(ms)))
	switch {
	case ago < 45*time.Second:
		return "a few seconds ago"
	case ago < 90*time.Second:
		return "a minute ago"
	case ago < time.Hour:
		return fmt.Sprintf("%.0f minutes ago", ago.Minutes())
	}
	return fmt.Sprintf("%.0f hours ago", ago.Hours())
}
