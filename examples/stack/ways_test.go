package main

import (
	"bufio"
	"cmp"
	"fmt"
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/examples/internal/jaeger"
)

// way is how an operator comes from the notification of a scenario to the line of code.
type way struct {
	culprit string // the callback that the alert blames; "": none
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
	panelExemplars = "Run time against timeout"
	panelFullest   = "Instances, the fullest first"
	panelLogs      = "Its failures' logs"
	panelLost      = "Lost after it was accepted, by callback"
	panelSlow      = "Its slow traces"
	panelTakes     = "Who takes the workers"
)

// ways are by scenario. The others lead no further than to a setting.
var ways = map[string]way{
	trouble: {
		culprit: "order.webhook", alert: "AfterglowErrorBudgetBurnFast", clicks: 2,
		walk: func(o *operator) {
			r := o.record(panelLogs, func(r record) bool { return r["_msg"] == "callback panicked" })
			require.Contains(o.t, r["exception.stacktrace"], lineOf(o.t, "examples/shop/faults.go", "panic(fmt.Sprintf("))
		},
	},
	"one callback fails and nobody notices": {
		culprit: "activity.log", alert: "AfterglowErrorBudgetBurnFast", clicks: 2,
		walk: func(o *operator) {
			r := o.record(panelLogs, func(r record) bool { return r["_msg"] == "callback failed" })
			require.Equal(o.t, "injected fault: activity.log fails", r["error"])
			require.Contains(o.t, r["function"], lineOf(o.t, "examples/shop/after.go", "{nameActivity, "))
		},
	},
	"timeouts": {
		culprit: "signup.email", alert: "AfterglowTimeouts", clicks: 3,
		walk: func(o *operator) {
			trace := o.exemplar(panelExemplars)
			require.Equal(o.t, "SMTP send", longest(trace).OperationName)
			o.asks(o.span(trace, "process signup.email"), "{nameSignup, ")
		},
	},
	"stuck callbacks": {
		culprit: "order.webhook", alert: "AfterglowCallbackStuck", clicks: 2,
		walk: func(o *operator) {
			r := o.record(panelLogs, func(r record) bool { return strings.HasPrefix(r["_msg"], "callback is stuck") })
			require.Contains(o.t, r["stack"], lineOf(o.t, "examples/shop/faults.go", "<-now.over"))
		},
	},
	"flood": {
		// All callbacks are rejected: the one to blame is that which takes the workers.
		alert: "AfterglowErrorBudgetBurnFast", clicks: 3,
		walk: func(o *operator) {
			instance := strings.TrimPrefix(o.testStack.first.ops, "http://")
			require.Contains(o.t, o.alert.Annotations["description"], "Worst instance: "+instance)
			o.navigate("afterglow-overview")
			o.first(panelFullest, "instance", instance)
			o.follow(panelTakes, "afterglow-callback", o.first(panelTakes, "callback", "order.email.customer"))
			o.is("callback", "order.email.customer")
			o.shows(panelLogs, lineOf(o.t, "examples/shop/after.go", "{nameEmailCustomer, "))
		},
	},
	"slow dependency": {
		culprit: "order.email.customer", alert: "AfterglowLatencyBudgetBurn", clicks: 3,
		walk: func(o *operator) {
			trace := o.trace(panelSlow)
			require.Equal(o.t, "SMTP send", longest(trace).OperationName)
			o.asks(o.span(trace, "process order.email.customer"), "{nameEmailCustomer, ")
		},
	},
	deploy: {
		culprit: "order.email.customer", alert: "AfterglowShutdownLostWork", clicks: 3,
		walk: func(o *operator) {
			o.follow(panelLost, "afterglow-callback", o.first(panelLost, "callback", "order.email.customer"))
			r := o.record(panelLogs, func(r record) bool { return strings.HasPrefix(r["_msg"], "callback abandoned") })
			require.Contains(o.t, r["stack"], lineOf(o.t, "examples/shop/faults.go", "<-now.over"))
		},
	},
}

// asks requires that a span says which function of the shop was asked to run: that which
// is written on the line of this code.
func (o *operator) asks(s jaeger.Span, code string) {
	o.t.Helper()
	require.Equal(o.t, lineOf(o.t, "examples/shop/after.go", code),
		fmt.Sprintf("%s:%v", path.Base(fmt.Sprint(s.Tag("afterglow.callback.function.file.path"))), s.Tag("afterglow.callback.function.line.number")))
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
	o := ts.isTold(w.alert, w.culprit, boards)
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
