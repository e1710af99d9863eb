package main

import (
	"bytes"
	"context"
	"fmt"
	"html"
	"maps"
	"strings"
	"time"
)

// What a unit of Grafana's grid takes on a screen 1920 pixels wide.
const (
	cellWidth  = 78
	cellHeight = 38
	margin     = 8
)

const head = `<!doctype html><meta charset="utf-8"><title>%s</title><style>
body{margin:0;background:#111217;color:#ccccdc;font:13px/1.3 system-ui,sans-serif}
header{padding:8px 16px;height:24px;font-size:16px}
main{position:relative;margin:0 16px}
.panel{position:absolute;background:#181b1f;border:1px solid #2c2f36;border-radius:2px;overflow:hidden;box-sizing:border-box}
.panel h2{font-size:13px;font-weight:500;margin:6px 8px 2px;white-space:nowrap}
.body{position:absolute;left:8px;right:8px;top:28px;bottom:4px;overflow:hidden}
.row{position:absolute;font-size:15px;font-weight:500}
.stat{position:absolute;inset:0 -8px -4px;display:flex;align-items:center;justify-content:center;font-size:34px;font-weight:500;color:#fff}
.legend{position:absolute;left:0;white-space:nowrap}.legend span{margin-right:12px}.legend i{display:inline-block;width:14px;height:4px;margin:0 5px 3px 0;border-radius:2px}
table{border-collapse:collapse;table-layout:fixed;width:100%%}th,td{text-align:left;padding:5px 6px;white-space:nowrap;overflow:hidden;text-overflow:clip;border-bottom:1px solid #2c2f36;font-weight:400}
th{font-weight:500}.link{color:#6E9FFF}.line{font:12px/1.5 monospace}.line b{color:#8e8e9a;font-weight:400}mark{background:#FF9900;color:#111}
code{display:block;font-size:11px;color:#8e8e9a;word-break:break-all;margin-bottom:4px}
.none,.failed{color:#8e8e9a;text-align:center;margin-top:20px}.failed{color:#E02F44}
</style><header>%[1]s <small>%[2]s</small></header><main style="height:%[3]dpx">`

// preview draws a dashboard; without a source, what it would ask.
func preview(ctx context.Context, text []byte, s *source, given variables) ([]byte, error) {
	b, err := parse(text)
	if err != nil {
		return nil, err
	}
	values := given
	about := "without data"
	if s != nil {
		if values, err = s.choose(ctx, b, given); err != nil {
			return nil, err
		}
		about = fmt.Sprintf("%s to %s, %v", s.start.Format(time.DateTime), s.end.Format(time.TimeOnly), map[string]string(values))
	}
	marks, err := s.marks(ctx, b, values)
	if err != nil {
		return nil, err
	}
	height := 0
	for _, p := range b.Panels {
		height = max(height, (p.GridPos.Y+p.GridPos.H)*cellHeight)
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, head, html.EscapeString(b.Title), html.EscapeString(about), height)
	for _, p := range b.Panels {
		x, y := p.GridPos.X*cellWidth, p.GridPos.Y*cellHeight
		w, h := p.GridPos.W*cellWidth-margin, p.GridPos.H*cellHeight-margin
		if p.Type == "row" {
			fmt.Fprintf(&out, `<div class="row" style="left:%dpx;top:%dpx">%s</div>`, x, y+5, html.EscapeString(values.replace(p.Title)))
			continue
		}
		fmt.Fprintf(&out, `<div class="panel" style="left:%dpx;top:%dpx;width:%dpx;height:%dpx" title="%s"><h2>%s</h2><div class="body">`,
			x, y, w, h, html.EscapeString(p.Description), html.EscapeString(p.Title))
		out.WriteString(p.body(ctx, s, values, marks, float64(w-16), float64(h-34)))
		out.WriteString("</div></div>\n")
	}
	out.WriteString("</main>\n")
	return out.Bytes(), nil
}

// body is what is under the panel's title.
func (p panel) body(ctx context.Context, s *source, values variables, marks []mark, w, h float64) string {
	if s == nil || p.Datasource.Type == "jaeger" && s.jaeger == "" || p.Datasource.Type == "loki" && s.records == nil {
		return p.questions(values)
	}
	if p.Type == "logs" {
		return p.logs(s, values.replace(p.Targets[0].Expr))
	}
	answers, rows, err := p.ask(ctx, s, values)
	if err != nil {
		return `<div class="failed">` + html.EscapeString(err.Error()) + `</div>`
	}
	var all []series
	for _, found := range answers {
		all = append(all, found...)
	}
	switch {
	case p.Datasource.Type == "jaeger":
		return p.table(traceColumns, rows, w)
	case p.Type == "table":
		return p.table(nil, merged(p.Targets, answers), w)
	case p.Type == "stat":
		return p.figure(all)
	case len(all) == 0 && p.Type == "state-timeline":
		return `<div class="none">Data does not have a time field</div>` // whatever its noValue says
	case len(all) == 0:
		return `<div class="none">` + html.EscapeString(orNoData(p.FieldConfig.Defaults.NoValue)) + `</div>`
	case p.Type == "state-timeline":
		return p.states(all, s, w, h)
	case p.Type == "heatmap":
		return p.heat(all, s, w, h)
	default:
		return p.lines(all, s, marks, w, h)
	}
}

// ask asks all queries of the panel. Rows are those of Jaeger.
func (p panel) ask(ctx context.Context, s *source, values variables) (answers [][]series, rows []row, err error) {
	values = maps.Clone(values)
	values["__rate_interval"] = s.rateInterval(s.stepOf(p))
	for _, t := range p.Targets {
		for _, text := range []*string{&t.Expr, &t.Service, &t.Operation, &t.Tags, &t.MinDuration} {
			*text = values.replace(*text)
		}
		var found []series
		switch p.Datasource.Type {
		case "jaeger":
			rows, err = s.traces(ctx, t)
		case "loki":
			found, err = s.count(t.Expr)
		default:
			found, err = s.queryEvery(ctx, t, s.stepOf(p))
		}
		if err != nil {
			return nil, nil, err
		}
		answers = append(answers, found)
	}
	return answers, rows, nil
}

// mark is a time that an annotation is about.
type mark struct {
	from, to float64
	color    string
}

// marks are those of the annotations that are on.
func (s *source) marks(ctx context.Context, b board, values variables) ([]mark, error) {
	var all []mark
	for _, a := range b.Annotations.List {
		if !a.Enable || s == nil {
			continue
		}
		found, err := s.query(ctx, target{Expr: values.replace(a.Expr)})
		if err != nil {
			return nil, err
		}
		for _, one := range found {
			for i, t := range one.t {
				if i > 0 && t-one.t[i-1] < 1.5*s.step.Seconds() {
					all[len(all)-1].to = t
					continue
				}
				all = append(all, mark{t, t, a.IconColor})
			}
		}
	}
	return all, nil
}

// questions are what the panel asks, and in which unit it answers.
func (p panel) questions(values variables) string {
	var b strings.Builder
	fmt.Fprintf(&b, "<code>%s, %s</code>", p.Type, p.FieldConfig.Defaults.Unit)
	for _, t := range p.Targets {
		q := t.Expr
		if q == "" {
			q = t.Service + ": " + t.Operation + " " + t.Tags
		}
		fmt.Fprintf(&b, "<code>%s</code>", html.EscapeString(values.replace(q)))
	}
	return b.String()
}

// figure is a stat: the last value, with its color.
func (p panel) figure(all []series) string {
	var v *float64
	if len(all) > 0 && len(all[0].v) > 0 {
		v = &all[0].v[len(all[0].v)-1]
	}
	word, color := p.field("").display(v)
	size := 34
	switch { // Grafana finds the largest that fits
	case len(word) > 20:
		size = 14
	case len(word) > 10:
		size = 20
	}
	return fmt.Sprintf(`<div class="stat" style="background:%s;font-size:%dpx">%s</div>`, color, size, html.EscapeString(orNoData(word)))
}

func orNoData(s string) string {
	if s == "" {
		return "No data"
	}
	return s
}

func unix(t time.Time) float64 { return float64(t.UnixMilli()) / 1e3 }
