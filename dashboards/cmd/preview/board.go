package main

import (
	"encoding/json"
	"fmt"
	"strings"
)

// board is what the preview reads of a dashboard.
type board struct {
	Title      string
	Templating struct {
		List []struct {
			Name, Definition string
			IncludeAll       bool
		}
	}
	Panels []panel
}

type panel struct {
	Type, Title, Description string
	GridPos                  struct{ X, Y, W, H int }
	Targets                  []target
	FieldConfig              struct {
		Defaults  defaults
		Overrides []struct {
			Matcher    struct{ Options string }
			Properties []struct {
				ID    string
				Value any
			}
		}
	}
}

type target struct {
	Expr, LegendFormat, Service, Operation, Tags string
	Instant                                      bool
}

type defaults struct {
	Unit, NoValue string
	Decimals      *int
	Max           *float64
	Thresholds    struct {
		Steps []struct {
			Value *float64
			Color string
		}
	}
	Mappings []struct {
		Options map[string]struct{ Text, Color string }
	}
	Custom struct {
		DrawStyle       string
		Stacking        struct{ Mode string }
		ThresholdsStyle struct{ Mode string }
	}
}

// style is how a series is drawn, by the panel's overrides.
type style struct {
	color  string
	dashed bool
}

func (p panel) style(legend string, nth int) style {
	s := style{color: palette[nth%len(palette)]}
	for _, o := range p.FieldConfig.Overrides {
		if o.Matcher.Options != legend {
			continue
		}
		for _, property := range o.Properties {
			value, _ := property.Value.(map[string]any)
			switch property.ID {
			case "color":
				name, _ := value["fixedColor"].(string)
				s.color = hex(name)
			case "custom.lineStyle":
				s.dashed = true
			}
		}
	}
	return s
}

// threshold is the color that a value has.
func (d defaults) threshold(v float64) string {
	color := "text"
	for _, s := range d.Thresholds.Steps {
		if s.Value == nil || v >= *s.Value {
			color = s.Color
		}
	}
	return hex(color)
}

// mapped is the word and color that a value has been given.
func (d defaults) mapped(v float64) (word, color string, ok bool) {
	for _, m := range d.Mappings {
		if to, ok := m.Options[fmt.Sprint(v)]; ok {
			return to.Text, hex(to.Color), true
		}
	}
	return "", "", false
}

// variables are values by name. It is a flag.Value.
type variables map[string]string

func (v variables) String() string { return "" }

// Set takes name=value.
func (v variables) Set(s string) error {
	name, value, ok := strings.Cut(s, "=")
	if !ok {
		return fmt.Errorf("%q is not name=value", s)
	}
	v[name] = value
	return nil
}

// replace puts the values into an expression.
func (v variables) replace(expr string) string {
	var pairs []string
	for name, value := range v {
		pairs = append(pairs, "${"+name+"}", value)
	}
	expr = strings.NewReplacer(pairs...).Replace(expr)
	for name, value := range v { // no name starts another one
		expr = strings.ReplaceAll(expr, "$"+name, value)
	}
	return expr
}

func parse(text []byte) (board, error) {
	var b board
	err := json.Unmarshal(text, &b)
	return b, err
}
