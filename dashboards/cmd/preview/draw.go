package main

import (
	"fmt"
	"html"
	"math"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"
)

// frame is where a panel's lines go.
type frame struct {
	w, h          float64
	t0, t1        float64
	bottom, top   float64
	left, topEdge float64
}

func (f frame) x(t float64) float64 { return f.left + (t-f.t0)/(f.t1-f.t0)*(f.w-f.left-6) }
func (f frame) y(v float64) float64 {
	return f.h - (v-f.bottom)/(f.top-f.bottom)*(f.h-f.topEdge) - 0.5
}

func open(w, h float64) string {
	return fmt.Sprintf(`<svg width="%.0f" height="%.0f" font-size="11" fill="#9a9aa8">`, w, h)
}

// lines draws series over time with their legend.
func (p panel) lines(all []series, s *source, marks []mark, w, h float64) string {
	const legendHeight = 24
	d := p.FieldConfig.Defaults
	f := frame{w: w, h: h - legendHeight - 14, t0: unix(s.start), t1: unix(s.end), left: 62, topEdge: 6}
	stacked := func(of field) bool { return of.Custom.Stacking.Mode == "normal" }
	base := make(map[float64]float64)
	var highest float64
	for _, one := range all {
		of := p.field(one.legend)
		if of.Unit != d.Unit {
			continue // it has an axis of its own
		}
		for i, v := range one.v {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				continue
			}
			if stacked(of) {
				base[one.t[i]] += v
				v = base[one.t[i]]
			}
			highest = math.Max(highest, v)
			f.bottom = math.Min(f.bottom, v)
		}
	}
	f.top = highest * 1.08
	if soft := d.Custom.AxisSoftMax; soft != nil {
		f.top = math.Max(f.top, *soft)
	}
	if f.top <= f.bottom {
		f.top = f.bottom + 100 // as Grafana does
	}
	var b strings.Builder
	b.WriteString(open(w, h))
	for i := range 4 {
		v := f.bottom + (f.top-f.bottom)*float64(i)/3
		fmt.Fprintf(&b, `<path d="M%.1f %.1fH%.1f" stroke="#2c2f36"/><text x="%.1f" y="%.1f" text-anchor="end">%s</text>`,
			f.left, f.y(v), w-6, f.left-6, f.y(v)+4, format(v, d.Unit, nil))
	}
	f.times(&b, s)
	if d.Custom.ThresholdsStyle.Mode != "off" {
		for _, step := range d.Thresholds.Steps {
			if step.Value != nil && *step.Value <= f.top {
				fmt.Fprintf(&b, `<path d="M%.1f %.1fH%.1f" stroke="%s" stroke-dasharray="6 4"/>`, f.left, f.y(*step.Value), w-6, hex(step.Color))
			}
		}
	}
	clear(base)
	var legend strings.Builder
	for i, one := range all {
		of := p.field(one.legend)
		line, mark := of.ofLine(one.legend, i)
		own := f
		if of.Unit != d.Unit {
			own.bottom, own.top = 0, math.Max(slices.Max(append(one.v, 0))*1.08, 1)
		}
		b.WriteString(own.line(one, base, s.stepOf(p).Seconds(), stacked(of), of, line))
		fmt.Fprintf(&legend, `<span><i style="background:%s"></i>%s</span>`, mark, html.EscapeString(one.legend))
	}
	for _, m := range marks { // over what is drawn, as Grafana does
		x0, x1 := f.x(math.Max(m.from, f.t0)), f.x(math.Min(m.to, f.t1))
		fmt.Fprintf(&b, `<rect x="%.1f" y="0" width="%.1f" height="%.1f" fill="%s" fill-opacity=".2"/><path d="M%[1]f 0V%[3]f" stroke="%[4]s" stroke-dasharray="4 4"/>`,
			x0, math.Max(x1-x0, 1), f.h, hex(m.color))
	}
	fmt.Fprintf(&b, `</svg><div class="legend" style="top:%.0fpx">%s</div>`, h-legendHeight+6, legend.String())
	return b.String()
}

// times writes the times below a frame.
func (f frame) times(b *strings.Builder, s *source) {
	for i := range 4 {
		t := s.start.Add(s.end.Sub(s.start) * time.Duration(i) / 3)
		anchor := []string{"start", "middle", "middle", "end"}[i]
		fmt.Fprintf(b, `<text x="%.1f" y="%.1f" text-anchor="%s">%s</text>`, f.x(unix(t)), f.h+13, anchor, t.Format("15:04:05"))
	}
}

// line draws one series, with gaps where it has none.
func (f frame) line(one series, base map[float64]float64, step float64, stacked bool, of field, color string) string {
	var d strings.Builder
	var upper, lower []string
	var points strings.Builder
	last, alone := math.Inf(-1), len(one.v) == 1
	for i, v := range one.v {
		t := one.t[i]
		if math.IsNaN(v) || math.IsInf(v, 0) {
			continue
		}
		if of.Custom.DrawStyle == "bars" {
			fmt.Fprintf(&points, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s"/>`,
				f.x(t-step), f.y(v), math.Max(f.x(t)-f.x(t-step)-1, 1), math.Max(f.y(0)-f.y(v), 0), color)
			continue
		}
		if of.Custom.ShowPoints == "always" || alone {
			fmt.Fprintf(&points, `<circle cx="%.1f" cy="%.1f" r="4" fill="%s"/>`, f.x(t), f.y(v), color)
		}
		under := base[t]
		if stacked {
			base[t] += v
			v = base[t]
			upper = append(upper, fmt.Sprintf("%.1f %.1f", f.x(t), f.y(v)))
			lower = append(lower, fmt.Sprintf("%.1f %.1f", f.x(t), f.y(under)))
			continue
		}
		move := "L"
		if t-last > step*1.5 {
			move = "M"
		}
		last = t
		fmt.Fprintf(&d, "%s%.1f %.1f", move, f.x(t), f.y(v))
	}
	if stacked && len(upper) > 0 {
		slices.Reverse(lower)
		return fmt.Sprintf(`<path d="M%sL%sZ" fill="%s" fill-opacity=".7"/>`, strings.Join(upper, "L"), strings.Join(lower, "L"), color)
	}
	dash := map[string]string{"dash": ` stroke-dasharray="8 6" stroke-width="2"`, "dot": ` stroke-dasharray="2 6"`}[of.Custom.LineStyle.Fill]
	return fmt.Sprintf(`<path d="%s" fill="none" stroke="%s" stroke-linecap="round"%s/>`, d.String(), color, dash) + points.String()
}

// states draws a line of colored bars for each series. With colors by
// thresholds, values between the same two are one, and mappings are forgotten.
func (p panel) states(all []series, s *source, w, h float64) string {
	f := frame{w: w, h: h - 14, t0: unix(s.start), t1: unix(s.end), left: 210}
	var b strings.Builder
	b.WriteString(open(w, h))
	height := math.Min(30, (h-20)/math.Max(1, float64(len(all))))
	for i, one := range all {
		y := float64(i) * height
		fmt.Fprintf(&b, `<text x="%.1f" y="%.1f" text-anchor="end">%s</text>`, f.left-6, y+height/2+4, html.EscapeString(one.legend))
		of := p.field(one.legend)
		byThreshold := of.Color.Mode == "thresholds" && (p.Options.MergeValues == nil || *p.Options.MergeValues)
		step := s.step.Seconds()
		for k := 0; k < len(one.v); {
			state := func(k int) (word, color string) {
				if byThreshold {
					return of.step(one.v[k]), hex(of.threshold(one.v[k]))
				}
				return of.display(&one.v[k])
			}
			word, color := state(k)
			from := one.t[k]
			for k++; k < len(one.v) && one.t[k]-one.t[k-1] < step*1.5; k++ {
				if next, c := state(k); next != word || c != color {
					break
				}
			}
			x, width := f.x(from), f.x(one.t[k-1]+step)-f.x(from)
			fmt.Fprintf(&b, `<rect x="%.1f" y="%.1f" width="%.2f" height="%.1f" fill="%s"/>`, x, y+1, width+.3, height-2, color)
			if fits := int((width - 4) / 7); p.Options.ShowValue != "never" && fits > 0 {
				runes := []rune(word)
				fmt.Fprintf(&b, `<text x="%.1f" y="%.1f" fill="#fff">%s</text>`, x+3, y+height/2+4, html.EscapeString(string(runes[:min(fits, len(runes))])))
			}
		}
	}
	f.times(&b, s)
	b.WriteString("</svg>")
	return b.String()
}

// heat draws cumulative buckets as a heatmap.
func (p panel) heat(all []series, s *source, w, h float64) string {
	bound := func(one series) float64 {
		v, err := strconv.ParseFloat(one.labels["le"], 64)
		if err != nil {
			return math.Inf(1)
		}
		return v
	}
	sort.Slice(all, func(i, j int) bool { return bound(all[i]) < bound(all[j]) })
	f := frame{w: w, t0: unix(s.start), t1: unix(s.end), left: 62}
	rows := float64(max(len(all), 1))
	height := (h - 16) / rows
	counts := make([]map[float64]float64, len(all))
	below := make(map[float64]float64)
	var most float64
	for i, one := range all {
		counts[i] = make(map[float64]float64)
		for k, v := range one.v {
			counts[i][one.t[k]] = v - below[one.t[k]]
			below[one.t[k]] = v
			most = math.Max(most, counts[i][one.t[k]])
		}
	}
	var b strings.Builder
	b.WriteString(open(w, h))
	for i, one := range all {
		y := h - 16 - float64(i+1)*height
		if i%3 == 0 {
			fmt.Fprintf(&b, `<text x="%.1f" y="%.1f" text-anchor="end">%s</text>`, f.left-6, y+height/2+4, format(bound(one), "s", nil))
		}
		for _, t := range one.t {
			if n := counts[i][t]; n > 0 {
				fmt.Fprintf(&b, `<rect x="%.1f" y="%.1f" width="%.2f" height="%.1f" fill="#FF780A" fill-opacity="%.2f"/>`,
					f.x(t), y, math.Max(f.x(t+s.step.Seconds())-f.x(t)-.4, 1), height-.6, 0.1+0.9*math.Sqrt(n/most))
			}
		}
	}
	b.WriteString("</svg>")
	return b.String()
}
