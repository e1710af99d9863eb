package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// board is what the preview reads of a dashboard.
type board struct {
	Title      string
	Templating struct {
		List []struct {
			Name, Type, Definition string
			IncludeAll             bool
			Current                struct{ Value any }
		}
	}
	Annotations struct {
		List []struct {
			Name, Expr, IconColor string
			Enable                bool
		}
	}
	Panels []panel
}

type panel struct {
	Type, Title, Description string
	GridPos                  struct{ X, Y, W, H int }
	Datasource               struct{ Type string }
	Targets                  []target
	Interval                 string
	Options                  struct {
		MergeValues *bool
		ShowValue   string
		SortBy      []struct {
			DisplayName string
			Desc        bool
		}
	}
	Transformations []struct {
		ID      string
		Options struct {
			IndexByName  map[string]int
			RenameByName map[string]string
		}
	}
	FieldConfig struct {
		Defaults  field
		Overrides []struct {
			Matcher    struct{ Options string }
			Properties []struct {
				ID    string
				Value json.RawMessage
			}
		}
	}
}

type target struct {
	RefID, Expr, LegendFormat             string
	Service, Operation, Tags, MinDuration string
	Instant, Exemplar                     bool
}

// field says how what has one name is drawn: a series, a column or a figure.
type field struct {
	Unit, NoValue string
	Decimals      *int
	Max           *float64
	Color         struct{ Mode, FixedColor string }
	Thresholds    struct {
		Steps []struct {
			Value *float64
			Color string
		}
	}
	Mappings []mapping
	Links    []struct{ Title, URL string }
	Custom   struct {
		DrawStyle       string
		ShowPoints      string
		AxisSoftMax     *float64
		Stacking        struct{ Mode string }
		ThresholdsStyle struct{ Mode string }
		LineStyle       struct{ Fill string }
		Width           float64
		Hidden          bool
		CellOptions     struct{ Type string }
	}
}

// mapping gives values words and colors.
type mapping struct {
	Type    string
	Options json.RawMessage
}

type mapped struct{ Text, Color string }

// field is the defaults, and over them the overrides of what has this name.
func (p panel) field(name string) field {
	f := p.FieldConfig.Defaults
	for _, o := range p.FieldConfig.Overrides {
		if o.Matcher.Options != name {
			continue
		}
		for _, property := range o.Properties {
			// Written as the JSON that defaults would have.
			text := string(property.Value)
			for _, part := range slices.Backward(strings.Split(property.ID, ".")) {
				text = fmt.Sprintf("{%q:%s}", part, text)
			}
			switch property.ID { // these are shared with the defaults
			case "mappings":
				f.Mappings = nil
			case "thresholds":
				f.Thresholds.Steps = nil
			case "links":
				f.Links = nil
			}
			_ = json.Unmarshal([]byte(text), &f) // what it does not know, it does not draw
		}
	}
	return f
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
