package main

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// display is the word and the color that Grafana gives a value, nil for none: a
// mapping's; otherwise the value in its unit, and the color of its threshold.
// No value has the lowest one's.
func (f field) display(v *float64) (word, color string) {
	if m, ok := f.mapping(v); ok {
		word, color = m.Text, m.Color
	}
	if color == "" {
		switch {
		case f.Color.Mode == "fixed":
			color = f.Color.FixedColor
		case v == nil || math.IsNaN(*v):
			color = f.threshold(math.Inf(-1))
		default:
			color = f.threshold(*v)
		}
	}
	if word == "" {
		if v == nil || math.IsNaN(*v) {
			word = f.NoValue
		} else {
			word = format(*v, f.Unit, f.Decimals)
		}
	}
	return word, hex(color)
}

// mapping is what a value is mapped to.
func (f field) mapping(v *float64) (mapped, bool) {
	if v == nil || math.IsNaN(*v) {
		return f.mappingOf("")
	}
	return f.mappingOf(fmt.Sprint(*v))
}

// mappingOf is what a value is mapped to as it is written, "" for none.
func (f field) mappingOf(value string) (mapped, bool) {
	for _, m := range f.Mappings {
		switch m.Type {
		case "value":
			var options map[string]mapped
			if json.Unmarshal(m.Options, &options) == nil {
				if to, ok := options[value]; ok && value != "" {
					return to, true
				}
			}
		case "special":
			var options struct {
				Match  string
				Result mapped
			}
			if json.Unmarshal(m.Options, &options) == nil && value == "" && strings.HasPrefix(options.Match, "null") {
				return options.Result, true
			}
		}
	}
	return mapped{}, false
}

// threshold is the color of the step that a value is on.
func (f field) threshold(v float64) string {
	color := "text"
	for _, s := range f.Thresholds.Steps {
		if s.Value == nil || v >= *s.Value {
			color = s.Color
		}
	}
	return color
}

// step is the words that Grafana has for the threshold that a value is on.
func (f field) step(v float64) string {
	word := ""
	for i, s := range f.Thresholds.Steps {
		switch {
		case s.Value == nil && i+1 < len(f.Thresholds.Steps):
			word = "< " + format(*f.Thresholds.Steps[i+1].Value, f.Unit, f.Decimals)
		case s.Value == nil:
			word = "-∞+"
		case v >= *s.Value:
			word = format(*s.Value, f.Unit, f.Decimals) + "+"
		}
	}
	return word
}

// palette colors series that have no color of their own.
var palette = []string{"#73BF69", "#F2CC0C", "#8AB8FF", "#FF780A", "#F2495C", "#5794F2", "#B877D9", "#705DA0", "#37872D", "#FADE2A", "#447EBC", "#C15C17", "#890F02", "#0A437C", "#6D1F62", "#584477"}

// ofLine is the color of a series and that of its mark in the legend. By name,
// Grafana 10 takes the name of the field for the mark: Value for all of them.
func (f field) ofLine(legend string, nth int) (line, mark string) {
	switch f.Color.Mode {
	case "fixed":
		return hex(f.Color.FixedColor), hex(f.Color.FixedColor)
	case "palette-classic-by-name":
		return palette[hash(legend)%len(palette)], palette[hash("Value")%len(palette)]
	}
	return palette[nth%len(palette)], palette[nth%len(palette)]
}

func hash(name string) int {
	h := 0
	for _, c := range name {
		h = (h*31 + int(c)) & 0x7fffffff
	}
	return h
}

// hex is a color of Grafana's dark theme.
func hex(name string) string {
	known := map[string]string{
		"green": "#56A64B", "yellow": "#E0B400", "orange": "#FF780A", "red": "#E02F44", "blue": "#3274D9", "purple": "#A352CC",
		"text": "#ccccdc", "dark-red": "#C4162A", "dark-purple": "#8F3BB8", "light-purple": "#CA95E5", "light-blue": "#8AB8FF",
		"transparent": "transparent",
	}
	if h, ok := known[name]; ok {
		return h
	}
	if strings.HasPrefix(name, "#") {
		return name
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
		if math.Abs(v) < 0.001 {
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
	case unit == "dateTimeFromNow":
		return fromNow(v)
	case strings.HasPrefix(unit, "suffix:"):
		return short(v) + strings.TrimPrefix(unit, "suffix:")
	default:
		return scaled(v, 1000, "", " K", " Mil")
	}
}
