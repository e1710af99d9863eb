package rules_test

import (
	"fmt"
	"math"
	"strings"
)

// A fleet is the processes of one job, a sample a minute. What it exposes is written
// as input series of promtool.
type fleet struct {
	job     string
	times   times
	scraped func(m int) bool // Prometheus reads at this minute
	out     *strings.Builder
}

// times are the minutes of a test.
type times struct {
	end       int     // of the samples, and when it is checked what fires
	from      int     // the trouble begins
	event     int     // what the situation is about: a restart, a deploy
	every     int     // minutes between two evaluations
	callbacks float64 // asked for in a minute by each process, in most situations
}

// process is one of a fleet.
type process struct {
	labels  string           // what tells it from the others
	runs    func(m int) bool // always, if nil
	leaves  bool             // it is no target of Prometheus while it does not run
	bad     bool             // it has the trouble
	clock   float64          // seconds that its clock is ahead
	traffic func(m int) float64
}

func (p process) up(m int) bool { return p.runs == nil || p.runs(m) }

// view is what a kind of trouble knows of a process.
type view struct {
	fleet
	process
}

// troubled reports whether the trouble is on.
func (v view) troubled(m int) bool { return v.bad && m >= v.times.from }

// asked is how many callbacks are asked for in a minute.
func (v view) asked(m int) float64 { return v.traffic(m) }

// then is one value in trouble, and another in health.
func (v view) then(m int, trouble, health float64) float64 {
	if v.troubled(m) {
		return trouble
	}
	return health
}

// absent is the value of a series that is not there.
var absent = math.NaN()

// counter writes a counter, which begins at 0 with each life of its process.
func (v view) counter(metric, labels string, grows func(m int) float64) {
	total := 0.0
	v.target(metric, labels, func(m int) float64 {
		switch {
		case !v.up(m):
			total = 0
			return absent
		case m == 0 || !v.up(m-1):
			total = 0
		default:
			total += grows(m)
		}
		return math.Floor(total + 1e-9)
	})
}

// gauge writes what a process shows while it runs.
func (v view) gauge(metric, labels string, value func(m int) float64) {
	v.target(metric, labels, func(m int) float64 {
		if !v.up(m) {
			return absent
		}
		return value(m)
	})
}

// target writes what Prometheus has of a target, whether or not the process runs.
func (v view) target(metric, labels string, value func(m int) float64) {
	fmt.Fprintf(v.out, "      - series: '%s{job=\"%s\", %s%s}'\n        values: '", metric, v.job, v.labels, labels)
	known := false
	for m := range v.times.end + 1 {
		x := value(m)
		switch {
		case !v.scraped(m):
			v.out.WriteString("_ ")
		case !math.IsNaN(x):
			fmt.Fprintf(v.out, "%g ", x)
			known = true
		case known:
			v.out.WriteString("stale ")
			known = false
		default:
			v.out.WriteString("_ ")
		}
	}
	v.out.WriteString("'\n")
}
