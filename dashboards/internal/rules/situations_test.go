package rules_test

import "fmt"

// situation is what a fleet goes through, whether or not it has a trouble.
type situation struct {
	name, means string
	processes   func(t times, bad bool) []process
	scraped     func(t times, m int) bool // each minute, if nil
	traffic     func(t times, m int) float64
}

// named is a process with the same life as the fleet.
func named(name string, bad bool) process {
	return process{labels: fmt.Sprintf(`instance="%s:8081"`, name), bad: bad}
}

// one is a fleet of one process.
func one(_ times, bad bool) []process { return []process{named("a", bad)} }

// living gives a process a life, in which it stays a target.
func living(p process, runs func(m int) bool) process {
	p.runs = runs
	return p
}

// planned gives it one that service discovery knows of.
func planned(p process, runs func(m int) bool) process {
	p.runs, p.leaves = runs, true
	return p
}

var situations = []situation{
	{
		name: "little traffic", means: "a callback every four minutes, and in health one failure",
		processes: one,
		traffic:   func(times, int) float64 { return 0.25 },
	},
	{
		name: "no traffic", means: "nobody asks for a callback",
		processes: one,
		traffic:   func(times, int) float64 { return 0 },
	},
	{
		name: "restart of the process", means: "two minutes without it, and its counters begin anew",
		processes: func(t times, bad bool) []process {
			return []process{living(named("a", bad), func(m int) bool { return m < t.event || m >= t.event+2 })}
		},
	},
	{
		name: "restart of Prometheus", means: "four minutes without a sample",
		processes: one,
		scraped:   func(t times, m int) bool { return m < t.event || m >= t.event+4 },
	},
	{
		name: "deploy", means: "each process is replaced by one with another instance",
		processes: func(t times, bad bool) []process {
			return []process{
				planned(named("a-old", bad), func(m int) bool { return m < t.event }), planned(named("a-new", bad), func(m int) bool { return m >= t.event-1 }),
				planned(named("b-old", bad), func(m int) bool { return m < t.event+2 }), planned(named("b-new", bad), func(m int) bool { return m >= t.event+1 }),
			}
		},
	},
	{
		name: "autoscaling", means: "two processes, then eight, then two",
		processes: func(t times, bad bool) []process {
			all := []process{named("a", bad), named("b", bad)}
			for i := range 6 {
				all = append(all, planned(named(fmt.Sprint("more-", i), bad), func(m int) bool { return m >= t.event-25 && m < t.event }))
			}
			return all
		},
	},
	{
		name: "one bad instance of many", means: "one of five has the trouble",
		processes: func(_ times, bad bool) []process {
			return []process{named("a", false), named("b", false), named("c", bad), named("d", false), named("e", false)}
		},
	},
	{
		name: "two namespaces and clusters", means: "the same job is well in another namespace, and in another cluster",
		processes: func(_ times, bad bool) []process {
			in := func(labels string, bad bool) process {
				p := named("a", bad)
				p.labels += labels
				return p
			}
			return []process{
				in(`, cluster="eu", namespace="prod"`, bad), in(`, cluster="eu", namespace="staging"`, false), in(`, cluster="us", namespace="prod"`, false),
			}
		},
	},
	{
		name: "slow and missed scrapes", means: "a sample every other minute",
		processes: one,
		scraped:   func(_ times, m int) bool { return m%2 == 0 },
	},
	{
		name: "clocks ahead and behind", means: "one process is two days ahead, one is 90 seconds behind",
		processes: func(_ times, bad bool) []process {
			ahead, behind := named("a", bad), named("b", bad)
			ahead.clock, behind.clock = 2*86400, -90
			return []process{ahead, behind}
		},
	},
	{
		name: "nightly work", means: "the process runs all day, its callbacks for a part of it",
		processes: one,
		traffic: func(t times, m int) float64 {
			if day := m % 1440; day > t.from-20 && day < t.from+160 {
				return t.callbacks
			}
			return 0
		},
	},
	{
		name: "crash loop", means: "up for two minutes, down for two, from the middle on",
		processes: func(t times, bad bool) []process {
			return []process{living(named("a", bad), func(m int) bool { return m < t.event-25 || m%4 < 2 })}
		},
	},
	{
		name: "drain as planned", means: "one of two processes ends, and has lost nothing",
		processes: func(t times, bad bool) []process {
			return []process{named("a", bad), planned(named("b", bad), func(m int) bool { return m < t.event })}
		},
	},
}
