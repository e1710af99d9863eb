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

// palette colors series that have no color of their own.
var palette = []string{"#73BF69", "#F2CC0C", "#8AB8FF", "#FF780A", "#F2495C", "#5794F2", "#B877D9", "#705DA0", "#37872D", "#FADE2A"}

// hex is a color of Grafana's dark theme.
func hex(name string) string {
	known := map[string]string{
		"green": "#56A64B", "yellow": "#E0B400", "orange": "#FF780A", "red": "#E02F44", "blue": "#3274D9", "purple": "#A352CC",
		"text": "#8e8e9a", "dark-red": "#960a1c", "dark-purple": "#6b2a8a", "light-purple": "#CA95E5", "light-blue": "#8AB8FF",
	}
	if h, ok := known[name]; ok {
		return h
	}
	return "#ff00ff" // so that it is seen
}

// format writes a value in a unit as Grafana does, about.
func format(v float64, unit string, decimals *int) string {
	short := func(v float64) string {
		if decimals != nil {
			return strconv.FormatFloat(v, 'f', *decimals, 64)
		}
		if math.Abs(v) >= 1000 { // not in powers of ten
			return strconv.FormatFloat(v, 'f', 0, 64)
		}
		return strconv.FormatFloat(v, 'g', 3, 64)
	}
	scaled := func(v float64, by float64, units ...string) string {
		i := 0
		for math.Abs(v) >= by && i < len(units)-1 {
			v /= by
			i++
		}
		return short(v) + units[i]
	}
	switch {
	case math.IsNaN(v), math.IsInf(v, 0):
		return strconv.FormatFloat(v, 'f', -1, 64)
	case unit == "percentunit":
		return short(v*100) + "%"
	case unit == "s" && v != 0 && math.Abs(v) < 1:
		return scaled(v*1e6, 1000, " µs", " ms")
	case unit == "s":
		return scaled(v, 60, " s", " min", " h")
	case unit == "bytes":
		return scaled(v, 1024, " B", " KiB", " MiB", " GiB")
	case unit == "ops":
		return scaled(v, 1000, " ops/s", "K ops/s")
	case strings.HasPrefix(unit, "suffix:"):
		return short(v) + strings.TrimPrefix(unit, "suffix:")
	default:
		return scaled(v, 1000, "", " K", " Mil")
	}
}

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
func (p panel) lines(all []series, s *source, w, h float64) string {
	const legendHeight = 24
	stacked := p.FieldConfig.Defaults.Custom.Stacking.Mode == "normal"
	f := frame{w: w, h: h - legendHeight - 14, t0: unix(s.start), t1: unix(s.end), left: 62, topEdge: 6}
	base := make(map[float64]float64)
	var highest float64
	for _, one := range all {
		for i, v := range one.v {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				continue
			}
			if stacked {
				base[one.t[i]] += v
				v = base[one.t[i]]
			}
			highest = math.Max(highest, v)
			f.bottom = math.Min(f.bottom, v)
		}
	}
	if f.top = highest * 1.08; f.top <= f.bottom {
		f.top = f.bottom + 1
	}
	var b strings.Builder
	b.WriteString(open(w, h))
	for i := range 4 {
		v := f.bottom + (f.top-f.bottom)*float64(i)/3
		fmt.Fprintf(&b, `<path d="M%.1f %.1fH%.1f" stroke="#2c2f36"/><text x="%.1f" y="%.1f" text-anchor="end">%s</text>`,
			f.left, f.y(v), w-6, f.left-6, f.y(v)+4, format(v, p.FieldConfig.Defaults.Unit, nil))
	}
	for i := range 4 {
		t := s.start.Add(s.end.Sub(s.start) * time.Duration(i) / 3)
		anchor := []string{"start", "middle", "middle", "end"}[i]
		fmt.Fprintf(&b, `<text x="%.1f" y="%.1f" text-anchor="%s">%s</text>`, f.x(unix(t)), f.h+13, anchor, t.Format("15:04"))
	}
	if p.FieldConfig.Defaults.Custom.ThresholdsStyle.Mode != "off" {
		for _, step := range p.FieldConfig.Defaults.Thresholds.Steps {
			if step.Value != nil && *step.Value <= f.top {
				fmt.Fprintf(&b, `<path d="M%.1f %.1fH%.1f" stroke="%s" stroke-dasharray="6 4"/>`, f.left, f.y(*step.Value), w-6, hex(step.Color))
			}
		}
	}
	clear(base)
	var legend strings.Builder
	for i, one := range all {
		style := p.style(one.legend, i)
		b.WriteString(f.line(one, base, s.step.Seconds(), stacked && !style.dashed, style))
		fmt.Fprintf(&legend, `<span><i style="background:%s"></i>%s</span>`, style.color, html.EscapeString(one.legend))
	}
	fmt.Fprintf(&b, `</svg><div class="legend" style="top:%.0fpx">%s</div>`, h-legendHeight+6, legend.String())
	return b.String()
}

// line draws one series, with gaps where it has none.
func (f frame) line(one series, base map[float64]float64, step float64, stacked bool, s style) string {
	var d strings.Builder
	var upper, lower []string
	last := math.Inf(-1)
	for i, v := range one.v {
		t := one.t[i]
		if math.IsNaN(v) || math.IsInf(v, 0) {
			continue
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
		return fmt.Sprintf(`<path d="M%sL%sZ" fill="%s" fill-opacity=".7"/>`, strings.Join(upper, "L"), strings.Join(lower, "L"), s.color)
	}
	dash := ""
	if s.dashed {
		dash = ` stroke-dasharray="8 6" stroke-width="2"`
	}
	return fmt.Sprintf(`<path d="%s" fill="none" stroke="%s" stroke-linecap="round"%s/>`, d.String(), s.color, dash)
}

// states draws a line of colored bars for each series.
func (p panel) states(all []series, s *source, w, h float64) string {
	d := p.FieldConfig.Defaults
	f := frame{w: w, t0: unix(s.start), t1: unix(s.end), left: 210}
	var b strings.Builder
	b.WriteString(open(w, h))
	height := math.Min(30, (h-6)/math.Max(1, float64(len(all))))
	for i, one := range all {
		y := float64(i) * height
		fmt.Fprintf(&b, `<text x="%.1f" y="%.1f" text-anchor="end">%s</text>`, f.left-6, y+height/2+4, html.EscapeString(one.legend))
		for k, v := range one.v {
			_, color, ok := d.mapped(v)
			if !ok {
				color = d.threshold(v)
			}
			fmt.Fprintf(&b, `<rect x="%.1f" y="%.1f" width="%.2f" height="%.1f" fill="%s"/>`,
				f.x(one.t[k]), y+1, f.x(one.t[k]+s.step.Seconds())-f.x(one.t[k])+.3, height-2, color)
		}
	}
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
