package main

import (
	"bufio"
	"cmp"
	"fmt"
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// way is how an operator who is told of a scenario comes to the line of code.
type way struct {
	culprit string // the callback
	alert   string // that is told
	clicks  int    // and no more
	walk    func(*operator)
}

// culprit is the callback that a scenario is about.
func culprit(scenario string) string {
	return cmp.Or(ways[scenario].culprit, "order.webhook")
}

// The panels that ways lead over.
const (
	panelSpends = "Who spends the budget"
	panelLogs   = "Its failures' logs"
	panelTraces = "Its failed traces"
)

// ways are by scenario. Of the others, the runbook has some that lead no further than
// to a setting.
var ways = map[string]way{
	"panic storm": {
		alert: "AfterglowErrorBudgetBurnFast", clicks: 3,
		walk: func(o *operator) {
			o.follow(panelSpends, "afterglow-callback", o.first(panelSpends, "callback", "order.webhook"))
			r := o.record(panelLogs, func(r record) bool { return r["_msg"] == "callback panicked" })
			require.Contains(o.t, r["exception.stacktrace"], lineOf(o.t, "examples/shop/faults.go", "panic(fmt.Sprintf("))
		},
	},
	"one callback fails and nobody notices": {
		culprit: "activity.log",
		alert:   "AfterglowErrorBudgetBurnFast", clicks: 3,
		walk: func(o *operator) {
			o.follow(panelSpends, "afterglow-callback", o.first(panelSpends, "callback", "activity.log"))
			r := o.record(panelLogs, func(r record) bool { return r["_msg"] == "callback failed" })
			require.Equal(o.t, "injected fault: activity.log fails", r["error"])
		},
	},
	"timeouts": {
		culprit: "signup.email",
		alert:   "AfterglowTimeouts", clicks: 3,
		walk: func(o *operator) {
			o.is("callback", "signup.email")
			o.span(o.trace(panelTraces), "process signup.email")
		},
	},
	"stuck callbacks": {
		alert: "AfterglowCallbackStuck", clicks: 2,
		walk: func(o *operator) {
			o.is("callback", "order.webhook")
			r := o.record(panelLogs, func(r record) bool { return strings.HasPrefix(r["_msg"], "callback is stuck") })
			require.Contains(o.t, r["stack"], lineOf(o.t, "examples/shop/faults.go", "<-now.over"))
		},
	},
}

// lineOf is a line of a file of this repository as stacks name it: the only one that has
// the code.
func lineOf(t *testing.T, file, code string) string {
	t.Helper()
	var found []string
	lines := bufio.NewScanner(strings.NewReader(readFile(t, file)))
	for n := 1; lines.Scan(); n++ {
		if strings.Contains(lines.Text(), code) {
			found = append(found, fmt.Sprintf("%s:%d", path.Base(file), n))
		}
	}
	require.Len(t, found, 1, "%s: %s", file, code)
	return found[0]
}

// walks goes the way of a scenario, if it has one.
func (ts *testStack) walks(scenario string, boards []dashboard) {
	ts.t.Helper()
	w, found := ways[scenario]
	if !found {
		return
	}
	o := ts.isTold(w.alert, boards)
	w.walk(o)
	require.Equal(ts.t, w.clicks, o.clicks, "clicks from %s to the line", w.alert)
}

func TestEachWayIsThatOfAScenario(t *testing.T) {
	names := make(map[string]bool)
	for _, sc := range scenarios {
		names[sc.name] = true
	}
	for name := range ways {
		require.True(t, names[name], name)
	}
}
