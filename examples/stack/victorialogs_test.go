package main

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// victoriaLogs is the type of its data source, a plugin of Grafana.
const victoriaLogs = "victoriametrics-logs-datasource"

// victoriaFiles are the dashboards that ask VictoriaLogs, as the generator writes them.
var victoriaFiles = sync.OnceValues(func() ([]string, error) {
	if err := built(); err != nil {
		return nil, err
	}
	dir := filepath.Join(programs, "victorialogs")
	cmd := exec.CommandContext(context.Background(), filepath.Join(programs, "generate"), "-out", dir, "-logs", "victorialogs")
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return nil, err
	}
	return filepath.Glob(filepath.Join(dir, "grafana", "*.json"))
})

// victoriaBoards reads them. No query is translated: a stack runs the real server.
func victoriaBoards(t *testing.T) []dashboard {
	t.Helper()
	if testing.Short() {
		return nil // nothing is built, and no stack is started
	}
	files, err := victoriaFiles()
	require.NoError(t, err)
	require.NotEmpty(t, files)
	return readDashboards(t, files)
}

// victoria asks VictoriaLogs as the plugin does: from the path of an instant query, with
// the limit of the panel.
func (ts *testStack) victoria(tg target) (found []record) {
	ts.t.Helper()
	require.Equal(ts.t, "instant", tg.QueryType, "the others ask other paths")
	lines := tg.MaxLines
	if lines == 0 {
		lines = 1000
	}
	resp, err := ts.client.PostForm(ts.victoriaLogsURL+"/select/logsql/query", url.Values{
		"query": {tg.Expr}, "limit": {strconv.Itoa(lines)},
		"start": {strconv.FormatInt(ts.began.Unix(), 10)}, "end": {strconv.FormatInt(time.Now().Unix()+1, 10)},
	})
	require.NoError(ts.t, err)
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		var said strings.Builder
		_ = resp.Write(&said)
		require.Fail(ts.t, "VictoriaLogs refuses", "%s: %s", tg.Expr, said.String())
	}
	for lines := json.NewDecoder(resp.Body); lines.More(); {
		var r record
		require.NoError(ts.t, lines.Decode(&r))
		found = append(found, r)
	}
	return found
}

// id tells a record from all others, whatever a query makes of its message.
func (r record) id() string {
	return r["_time"] + " " + r["span_id"] + " " + r["trace_id"] + " " + r["callback"] + " " + r["runner"]
}

// saysTheSame requires that a panel of records makes the same lines of them in both
// languages: those that Loki's template makes, as the tests fill it in, and those that
// VictoriaLogs answers.
func (c *coverage) saysTheSame(ts *testStack, uid, title, callback string) {
	ts.t.Helper()
	ask := func(boards []dashboard) target {
		for _, board := range boards {
			if board.UID == uid {
				p := c.pageOf(ts.t, boards, board, callback)
				return p.filled(p.find(title).Targets[0])
			}
		}
		require.Fail(ts.t, "no dashboard", uid)
		return target{}
	}
	inLoki, inVictoria := ask(c.boards), ask(c.stored)
	compared := 0
	ts.eventually(func() bool {
		lines := make(map[string]string)
		q, records := ts.records(inLoki.Expr)
		for _, r := range records {
			lines[r.id()] = q.line(ts.t, r)
		}
		for _, r := range ts.victoria(inVictoria) {
			if line, known := lines[r.id()]; known { // it may have been written since
				require.Equal(ts.t, line, r["_msg"], "%s: %s", uid, title)
				compared++
			}
		}
		return compared > 0
	}, "%s: %s: there are records", uid, title)
}

// sameErrors requires that a table of errors has the same rows in both languages.
func (c *coverage) sameErrors(ts *testStack, callback string) {
	ts.t.Helper()
	for _, board := range c.stored {
		if board.UID != "afterglow-callback" {
			continue
		}
		p := c.pageOf(ts.t, c.stored, board, callback)
		tg := p.filled(p.find("What fails, by error").Targets[0])
		ts.eventually(func() bool { return len(ts.victoria(tg)) > 0 }, "there are errors")
		for _, r := range ts.victoria(tg) {
			require.Equal(ts.t, callback, r["callback"])
			require.NotEmpty(ts.t, r["what"])
			require.NotEmpty(ts.t, r["type"])
			require.NotRegexp(ts.t, `\d`, r["what"])
			count, err := strconv.Atoi(r["records"])
			require.NoError(ts.t, err)
			require.Positive(ts.t, count)
			for _, field := range []string{"first", "last"} {
				at, err := time.Parse(time.RFC3339Nano, r[field])
				require.NoError(ts.t, err)
				require.WithinDuration(ts.t, time.Now(), at, time.Since(ts.began)+time.Minute)
			}
		}
		return
	}
	require.Fail(ts.t, "no dashboard")
}
