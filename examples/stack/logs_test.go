package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/stretchr/testify/require"
)

// record is a log record as VictoriaLogs returns it: its fields, and of these _msg,
// _time and _stream are its own.
type record map[string]string

// records asks VictoriaLogs what Grafana would ask Loki, over the time since the stack
// was started: the newest records first, or the largest counts, each in the field n.
func (ts *testStack) records(expr string) (q logQuery, found []record) {
	ts.t.Helper()
	q, err := translate(expr)
	require.NoError(ts.t, err)
	text := q.filter + " | sort by (_time desc) limit 100"
	if q.count {
		by := make([]string, len(q.by))
		for i, label := range q.by {
			by[i] = strconv.Quote(fieldOf(label))
		}
		text = q.filter + " | stats by (" + strings.Join(by, ", ") + ") count() n | filter n:>0 | sort by (n desc) limit 100"
	}
	return q, ts.logsQL(text)
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
