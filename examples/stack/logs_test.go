package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/stretchr/testify/require"
)

// record is a log record as VictoriaLogs returns it: its fields, and of these _msg,
// _time and _stream are its own.
type record map[string]string

// mostRecords is how many records are asked for.
const mostRecords = 1000

// records asks VictoriaLogs what Grafana would ask Loki, over the time since the stack
// was started: the newest records first. If the query counts records, a group is one
// that has its labels and, in the field n, how many there are, the largest first.
func (ts *testStack) records(expr string) (q logQuery, found []record) {
	ts.t.Helper()
	q, err := translate(expr)
	require.NoError(ts.t, err)
	found = ts.logsQL(q.filter + " | sort by (_time) desc limit " + strconv.Itoa(mostRecords))
	if !q.groups {
		return q, found
	}
	counts := make(map[string]int)
	groups := make(map[string]record)
	for _, r := range found {
		labels := q.newPrinter(ts.t, r).labels
		group := make(record)
		for _, label := range q.by {
			group[label] = labels[label]
		}
		key := fmt.Sprint(group)
		groups[key] = group
		counts[key]++
	}
	found = found[:0]
	for _, key := range slices.SortedFunc(maps.Keys(counts), func(a, b string) int { return cmp.Compare(counts[b], counts[a]) }) {
		groups[key]["n"] = strconv.Itoa(counts[key])
		found = append(found, groups[key])
	}
	return q, found
}

// logsQL asks VictoriaLogs.
func (ts *testStack) logsQL(text string) (found []record) {
	ts.t.Helper()
	at := func(t time.Time) []string { return []string{strconv.FormatInt(t.UnixNano(), 10)} }
	resp, err := ts.client.PostForm(ts.victoriaLogsURL+"/select/logsql/query", url.Values{
		"query": {text}, "start": at(ts.began), "end": at(time.Now()),
	})
	require.NoError(ts.t, err)
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		var said strings.Builder
		_ = resp.Write(&said)
		require.Fail(ts.t, "VictoriaLogs refuses", "%s: %s", text, said.String())
	}
	for lines := json.NewDecoder(resp.Body); lines.More(); {
		var r record
		require.NoError(ts.t, lines.Decode(&r))
		found = append(found, r)
	}
	return found
}
