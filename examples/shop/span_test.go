package main

import (
	"cmp"
	"database/sql"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// children returns the spans below the newest span of a name, the longest first.
func (s *testShop) children(name string) (parent spanJSON, longest []spanJSON) {
	s.t.Helper()
	found := s.spans("name=" + strings.ReplaceAll(name, " ", "+")).Spans
	require.NotEmpty(s.t, found, name)
	parent = found[0]
	for _, span := range s.spans("trace_id=" + parent.TraceID).Spans {
		if span.ParentID == parent.SpanID {
			longest = append(longest, span)
		}
	}
	slices.SortFunc(longest, func(a, b spanJSON) int { return cmp.Compare(b.DurationMS, a.DurationMS) })
	return parent, longest
}

// The runbook says of a slow callback that the longest child of its span is the
// culprit.
func TestTheLongestChildSpanOfASlowCallbackIsTheCulprit(t *testing.T) {
	// Two seconds are most of the time of a callback on a busy machine as well.
	const slow = 2 * time.Second
	s := startShop(t, "-smtp-delay", slow.String()) // the webhook's server is as slow
	s.complete(s.order().ID)
	for callback, culprit := range map[string]string{
		nameEmailCustomer: "SMTP send", nameEmailAdmin: "SMTP send", nameWebhook: "HTTP POST",
	} {
		process, children := s.children("process " + callback)
		require.NotEmpty(t, children, callback)
		require.Equal(t, culprit, children[0].Name, callback)
		require.Equal(t, "client", children[0].Kind, callback)
		require.GreaterOrEqual(t, children[0].DurationMS, milliseconds(slow), callback)
		require.Greater(t, children[0].DurationMS, .6*process.DurationMS, "%s: where else was the time?", callback)
		require.NotEmpty(t, children[0].Attributes["server.address"], callback)
	}
	for callback, query := range map[string]string{
		nameAnalytics: "INSERT analytics", nameActivity: "INSERT activity", nameRevalidate: "SELECT sales",
	} {
		_, children := s.children("process " + callback)
		require.Len(t, children, 1, callback)
		require.Equal(t, query, children[0].Name)
		require.Equal(t, "sqlite", children[0].Attributes["db.system.name"])
	}
}

// A query that waits for SQLite's one writer, or for the shop's connection to it, has
// that wait in its span.
func TestASpanOfAQueryHasTheWaitForTheDatabase(t *testing.T) {
	s := startShop(t, "-smtp-delay", "0s")
	other, err := sql.Open("sqlite", "file:"+s.db+"?_txlock=immediate")
	require.NoError(t, err)
	defer func() { require.NoError(t, other.Close()) }()
	tx, err := other.BeginTx(t.Context(), nil) // from here on nobody else writes
	require.NoError(t, err)
	rolledBack := make(chan error, 1)
	time.AfterFunc(300*time.Millisecond, func() { rolledBack <- tx.Rollback() })
	id := s.order().TraceID
	require.NoError(t, <-rolledBack)
	waited := 0.0
	for _, span := range s.spans("trace_id=" + id).Spans {
		if span.Name == "INSERT orders" {
			waited = span.DurationMS
		}
	}
	require.Greater(t, waited, 200.0, "the request's trace has the query")
}

func TestAFailedCallIsAnErrorOnItsOwnSpan(t *testing.T) {
	s := startShop(t, "-smtp", "127.0.0.1:1") // nobody listens there
	s.complete(s.order().ID)
	_, children := s.children("process " + nameEmailCustomer)
	require.Len(t, children, 1)
	require.Equal(t, "Error", children[0].Status)
	require.Contains(t, children[0].StatusText, "connection refused")
	require.NotEmpty(t, children[0].Attributes["error.type"])
}

// The shop asks for all its callbacks in one place. What tells them apart is the
// function.
func TestARecordOfAFailureNamesTheFunctionOfTheJob(t *testing.T) {
	s := startShop(t, "-smtp-delay", "0s", "-faults", "order.email.admin=error:1,order.analytics=panic:1")
	s.complete(s.order().ID)
	require.NoError(t, s.stop())
	source, err := os.ReadFile("after.go")
	require.NoError(t, err)
	for message, begins := range map[string]string{
		"callback failed":   `{nameEmailAdmin, "Mail to the admin", 10 * time.Second, func(`,
		"callback panicked": `{nameAnalytics, "Analytics event", 5 * time.Second, func(`,
	} {
		line := 1 + strings.Count(strings.Split(string(source), begins)[0], "\n")
		require.Regexp(t, fmt.Sprintf(`\.\(\*shop\)\.afterOrder\.func\d+ \(.*/examples/shop/after\.go:%d\)$`, line), s.logLine("msg", message)["function"])
	}
}
