package report

import (
	"fmt"
	"html"
	"math"
	"strings"

	"github.com/afterglow-go/afterglow/benchmarks/internal/measure"
	"github.com/afterglow-go/afterglow/benchmarks/internal/pool"
)

// Picture is an SVG of what an empty task costs: one panel of the bare
// contestants, and one of those with telemetry, each with a scale of its own.
func (r Results) Picture() string {
	bare := panel{title: "Bare: nanoseconds per empty task"}
	instrumented := panel{title: "With telemetry: nanoseconds per empty task"}
	group := pool.TelemetryOff
	for _, c := range pool.All() {
		b := bar{label: plainText(c.Name), ours: c.Family == pool.Afterglow}
		for i, producers := range measure.Producers {
			b.values[i] = r.Throughput.Median(measure.Case{Setting: measure.Setting("empty", producers), Contestant: c.Name, Metric: measure.MetricTime})
		}
		if c.Telemetry == pool.TelemetryOff {
			bare.bars = append(bare.bars, b)
			continue
		}
		if c.Telemetry != group {
			group = c.Telemetry
			b.heading = group.String()
		}
		b.label = strings.TrimSuffix(b.label, ", "+group.String())
		instrumented.bars = append(instrumented.bars, b)
	}
	return draw(r.Machine, bare, instrumented)
}

type panel struct {
	title string
	bars  []bar
}

// bar is a row: one value with each number of producers.
type bar struct {
	heading string // above it, "" for none
	label   string
	values  [2]float64
	ours    bool
}

// In pixels.
const (
	width     = 900
	left      = 190 // where the bars begin
	barWidth  = 590 // of the longest
	barHeight = 9
	rowHeight = 26
	headings  = 24
)

// Of one and eight producers.
var (
	ourColors   = [2]string{"#d9480f", "#f4a261"}
	otherColors = [2]string{"#47617d", "#a3b6c9"}
)

func draw(m Machine, panels ...panel) string {
	var b strings.Builder
	text := func(x, y float64, attributes, s string) {
		fmt.Fprintf(&b, `<text x="%.0f" y="%.0f" %s>%s</text>`+"\n", x, y, attributes, html.EscapeString(s))
	}
	rect := func(x, y, w, h float64, color string) {
		fmt.Fprintf(&b, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s"/>`+"\n", x, y, w, h, color)
	}
	y := 34.0
	for _, p := range panels {
		text(16, y, `font-size="16" font-weight="bold"`, p.title)
		y += 12
		longest := 0.0
		for _, bar := range p.bars {
			for _, v := range bar.values {
				longest = max(longest, v)
			}
		}
		scale, top, bottom := barWidth/longest, y, y+p.height()
		for _, tick := range ticks(longest) {
			x := left + tick*scale
			fmt.Fprintf(&b, `<line x1="%.1f" y1="%.0f" x2="%.1f" y2="%.0f" stroke="#ddd"/>`+"\n", x, top, x, bottom)
			text(x, bottom+14, `font-size="11" fill="#555" text-anchor="middle"`, Count(tick))
		}
		for _, bar := range p.bars {
			if bar.heading != "" {
				y += headings
				rect(16, y-15, left-24, 18, "#fff") // over the grid
				text(16, y-2, `font-size="12" font-style="italic" fill="#333"`, bar.heading)
			}
			colors, weight := otherColors, "normal"
			if bar.ours {
				colors, weight = ourColors, "bold"
			}
			text(left-8, y+rowHeight/2+3, `font-size="12" text-anchor="end" font-weight="`+weight+`"`, bar.label)
			for i, v := range bar.values {
				at := y + 3 + float64(i)*(barHeight+1)
				rect(left, at, v*scale, barHeight, colors[i])
				text(left+v*scale+5, at+barHeight-1, `font-size="10" fill="#333"`, Figure(v))
			}
			y += rowHeight
		}
		y += 52
	}
	for i, producers := range []string{"1 producer", "8 producers"} {
		x := left + float64(i)*120
		rect(x, y-24, 12, 12, ourColors[i])
		rect(x+14, y-24, 12, 12, otherColors[i])
		text(x+32, y-14, `font-size="12"`, producers)
	}
	text(16, y+10, `font-size="11" fill="#555"`, "Shorter is better. Medians; 8 workers; "+m.short())
	y += 24
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%.0f" viewBox="0 0 %d %.0f" font-family="Helvetica, Arial, sans-serif">
<title>What an empty task costs</title>
<rect width="100%%" height="100%%" fill="#fff"/>
%s</svg>
`, width, y, width, y, b.String())
}

func (p panel) height() float64 {
	h := float64(len(p.bars)) * rowHeight
	for _, b := range p.bars {
		if b.heading != "" {
			h += headings
		}
	}
	return h
}

// ticks are round numbers from 0 up to limit, at most six.
func ticks(limit float64) []float64 {
	step := math.Pow(10, math.Floor(math.Log10(limit)))
	for _, finer := range []float64{0.2, 0.5, 1} {
		if limit/(step*finer) <= 6 {
			step *= finer
			break
		}
	}
	var at []float64
	for t := 0.0; t <= limit; t += step {
		at = append(at, t)
	}
	return at
}

// plainText leaves out what is Markdown in a name.
func plainText(name string) string { return strings.NewReplacer("*", "", "`", "").Replace(name) }

func (m Machine) short() string { return fmt.Sprintf("%d cores of %s, %s", m.Cores, m.CPU, m.Go) }
