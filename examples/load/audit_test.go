package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

var promised = order{ID: "7", After: []string{"order.email", "order.webhook", "order.analytics"}}

func audited(r reading) auditResult {
	a := auditResult{outcomes: make(map[string]int)}
	a.add(promised, r)
	return a
}

func TestAnOrderThatCannotBeReadMissesAllItWasPromised(t *testing.T) {
	a := audited(reading{err: errForgotten})
	require.Equal(t, []missing{{"7", promised.After, errForgotten}}, a.missing)
	require.Equal(t, 3, a.promised)
	require.Zero(t, a.done)
}

func TestWorkThatFailedWasDoneAndWorkThatWasDroppedWasNot(t *testing.T) {
	a := audited(reading{status: status{After: []work{
		{Name: "order.email", Done: true, Outcome: "error"},
		{Name: "order.webhook", Done: true, Outcome: "dropped"},
		{Name: "order.analytics", Done: true, Outcome: "success"},
	}}})
	require.Equal(t, []missing{{id: "7", names: []string{"order.webhook"}}}, a.missing)
	require.Equal(t, 2, a.done)
	require.Equal(t, map[string]int{"order.email error": 1, "order.webhook dropped": 1}, a.outcomes)
}

func TestWorkThatIsNotDoneOrNotThereIsMissing(t *testing.T) {
	a := audited(reading{status: status{After: []work{
		{Name: "order.email", Done: true, Outcome: "success"},
		{Name: "order.webhook"},
	}}})
	require.Equal(t, []missing{{id: "7", names: []string{"order.webhook", "order.analytics"}}}, a.missing)
}
