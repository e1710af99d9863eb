package main

import (
	"fmt"
	"regexp"
	"strconv"
	"time"

	"go.yaml.in/yaml/v3"
)

// compression is what -compress divides the times of rules by: the five minutes
// that most look back become ten seconds.
const compression = 30

// least is what no time is compressed below: a rate needs two scrapes.
const least = 3 * time.Second

// compressRules shortens what rules look back and wait.
func (f files) compressRules(text string) (string, error) {
	return f.edit(text, func(key string, value *yaml.Node) error {
		switch key {
		case "expr":
			var err error
			value.Value, err = f.compressExpr(value.Value)
			return err
		case "for", "keep_firing_for":
			return f.shorten(value, 0)
		case "interval":
			return f.shorten(value, f.every)
		}
		return nil
	})
}

// compressAlertmanager shortens how long alerts are gathered and held back.
func (f files) compressAlertmanager(text string) (string, error) {
	return f.edit(text, func(key string, value *yaml.Node) error {
		switch key {
		case "group_wait", "group_interval":
			return f.shorten(value, time.Second)
		}
		return nil
	})
}

// edit calls do for each key of a YAML document, unless time is not compressed.
func (f files) edit(text string, do func(key string, value *yaml.Node) error) (string, error) {
	if f.factor == 0 {
		return text, nil
	}
	var document yaml.Node
	if err := yaml.Unmarshal([]byte(text), &document); err != nil {
		return "", err
	}
	if err := walk(&document, do); err != nil {
		return "", err
	}
	edited, err := yaml.Marshal(&document)
	return string(edited), err
}

func walk(n *yaml.Node, do func(string, *yaml.Node) error) error {
	for i, child := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 1 && child.Kind == yaml.ScalarNode {
			if err := do(n.Content[i-1].Value, child); err != nil {
				return err
			}
		}
		if err := walk(child, do); err != nil {
			return err
		}
	}
	return nil
}

// shorten compresses a duration, to the least that is given.
func (f files) shorten(value *yaml.Node, atLeast time.Duration) error {
	d, err := parseDuration(value.Value)
	if err != nil {
		return err
	}
	d = time.Duration(float64(d) / f.factor)
	value.Value = formatDuration(max(d, atLeast))
	return nil
}

var (
	// What a range selector, a subquery or an offset looks back.
	lookBack = regexp.MustCompile(`(\[|\boffset\s+|:)((?:\d+(?:ms|[smhdwy]))+)`)
	unit     = regexp.MustCompile(`(\d+)(ms|[smhdwy])`)
)

func (f files) compressExpr(expr string) (string, error) {
	var failed error
	expr = lookBack.ReplaceAllStringFunc(expr, func(s string) string {
		m := lookBack.FindStringSubmatch(s)
		d, err := parseDuration(m[2])
		if err != nil {
			failed = err
		}
		return m[1] + formatDuration(max(time.Duration(float64(d)/f.factor), least))
	})
	return expr, failed
}

// parseDuration reads Prometheus's durations, which know days.
func parseDuration(s string) (d time.Duration, err error) {
	units := map[string]time.Duration{
		"ms": time.Millisecond, "s": time.Second, "m": time.Minute, "h": time.Hour,
		"d": 24 * time.Hour, "w": 7 * 24 * time.Hour, "y": 365 * 24 * time.Hour,
	}
	if unit.ReplaceAllString(s, "") != "" && s != "0" {
		return 0, fmt.Errorf("%q is not a duration", s)
	}
	for _, m := range unit.FindAllStringSubmatch(s, -1) {
		n, err := strconv.Atoi(m[1])
		if err != nil {
			return 0, err
		}
		d += time.Duration(n) * units[m[2]]
	}
	return d, nil
}

func formatDuration(d time.Duration) string {
	return strconv.FormatInt(d.Milliseconds(), 10) + "ms"
}
