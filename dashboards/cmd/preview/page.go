package main

import (
	"bytes"
	"context"
	"fmt"
	"html"
	"math"
	"strings"
	"time"
)

// What a unit of Grafana's grid takes on a screen 1920 pixels wide.
const (
	column = 78
	row    = 38
	margin = 8
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
.stat.none{font-size:18px;color:#8e8e9a}
.legend{position:absolute;left:0;white-space:nowrap}.legend span{margin-right:12px}.legend i{display:inline-block;width:14px;height:4px;margin:0 5px 3px 0;border-radius:2px}
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
	height := 0
	for _, p := range b.Panels {
		height = max(height, (p.GridPos.Y+p.GridPos.H)*row)
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, head, html.EscapeString(b.Title), html.EscapeString(about), height)
	for _, p := range b.Panels {
		x, y := p.GridPos.X*column, p.GridPos.Y*row
		w, h := p.GridPos.W*column-margin, p.GridPos.H*row-margin
		if p.Type == "row" {
			fmt.Fprintf(&out, `<div class="row" style="left:%dpx;top:%dpx">%s</div>`, x, y+5, html.EscapeString(values.replace(p.Title)))
			continue
		}
		fmt.Fprintf(&out, `<div class="panel" style="left:%dpx;top:%dpx;width:%dpx;height:%dpx" title="%s"><h2>%s</h2><div class="body">`,
			x, y, w, h, html.EscapeString(p.Description), html.EscapeString(p.Title))
		out.WriteString(p.body(ctx, s, values, float64(w-16), float64(h-34)))
		out.WriteString("</div></div>\n")
	}
	out.WriteString("</main>\n")
	return out.Bytes(), nil
}

// body is what is under the panel's title.
func (p panel) body(ctx context.Context, s *source, values variables, w, h float64) string {
	if s == nil || p.Type == "logs" || p.Type == "table" {
		return p.questions(values)
	}
	var all []series
	for _, t := range p.Targets {
		t.Expr = values.replace(t.Expr)
		found, err := s.query(ctx, t)
		if err != nil {
			return `<div class="failed">` + html.EscapeString(err.Error()) + `</div>`
		}
		all = append(all, found...)
	}
	switch {
	case p.Type == "stat":
		return p.figure(all)
	case len(all) == 0:
		return `<div class="none">` + html.EscapeString(orNoData(p.FieldConfig.Defaults.NoValue)) + `</div>`
	case p.Type == "state-timeline":
		return p.states(all, s, w, h)
	case p.Type == "heatmap":
		return p.heat(all, s, w, h)
	default:
		return p.lines(all, s, w, h)
	}
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

// figure is a stat: the last value, with the color of its threshold.
func (p panel) figure(all []series) string {
	d := p.FieldConfig.Defaults
	if len(all) == 0 || len(all[0].v) == 0 || math.IsNaN(all[0].v[len(all[0].v)-1]) {
		return `<div class="stat none">` + html.EscapeString(orNoData(d.NoValue)) + `</div>`
	}
	v := all[0].v[len(all[0].v)-1]
	return fmt.Sprintf(`<div class="stat" style="background:%s">%s</div>`, d.threshold(v), format(v, d.Unit, d.Decimals))
}

func orNoData(s string) string {
	if s == "" {
		return "No data"
	}
	return s
}

func unix(t time.Time) float64 { return float64(t.UnixMilli()) / 1e3 }
