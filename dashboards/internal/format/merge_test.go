package format_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/dashboards/internal/format"
	"github.com/afterglow-go/afterglow/dashboards/internal/grafana"
	"github.com/afterglow-go/afterglow/dashboards/internal/query"
	"github.com/afterglow-go/afterglow/dashboards/internal/rules"
	"github.com/afterglow-go/afterglow/internal/tool"
)

// foreign is the configuration of somebody else's Alertmanager, with a route for all
// critical alerts and an inhibition of its own.
const foreign = `# Of the platform team. Ask before you change it.
global:
  resolve_timeout: 5m # their choice
route:
  receiver: "null"
  group_by: [alertname]
  group_wait: 1s
  routes:
    - matchers: [team="db"]
      receiver: db
      continue: true
    - matchers: [severity="critical"]
      receiver: pagerduty
    - matchers: [severity="warning"]
      receiver: slack
inhibit_rules:
  - source_matchers: [severity="critical"]
    target_matchers: [severity="warning"]
    equal: [namespace, alertname]
receivers:
  - name: "null"
  - name: db
    webhook_configs: [{url: "HOOK"}]
  - name: pagerduty
    webhook_configs: [{url: "HOOK"}]
  - name: slack
    webhook_configs: [{url: "HOOK"}]
templates: []
`

func merge(t *testing.T, config string, receivers map[string]string) string {
	t.Helper()
	text, err := content(t, receivers).Merge([]byte(config), receivers)
	require.NoError(t, err)
	return string(text)
}

// routed is the receivers of an alert with these labels.
func routed(t *testing.T, file string, labels ...string) string {
	t.Helper()
	out, err := command(t, "amtool", append([]string{"config", "routes", "test", "--config.file=" + file}, labels...)...)
	require.NoError(t, err, out)
	return strings.TrimSpace(out)
}

func saved(t *testing.T, config string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "alertmanager.yml")
	require.NoError(t, os.WriteFile(file, []byte(strings.ReplaceAll(config, "HOOK", "http://127.0.0.1:9/")), 0o600))
	return file
}

func TestAMergedConfigurationSendsForeignAlertsWhereTheyWentAndOursToOurs(t *testing.T) {
	before := saved(t, foreign)
	for _, receivers := range []map[string]string{nil, {"page": "pagerduty", "ticket": "slack"}} {
		config := merge(t, foreign, receivers)
		after := saved(t, config)
		out, err := command(t, "amtool", "check-config", after)
		require.NoError(t, err, out)
		require.Contains(t, out, "9 inhibit rules", "theirs, and our eight")
		require.Contains(t, config, "# Of the platform team. Ask before you change it.\n")
		require.Contains(t, config, "resolve_timeout: 5m # their choice\n")
		for _, alert := range [][]string{
			{"alertname=DiskFull", "severity=critical"}, {"alertname=DiskFull", "severity=warning"}, {"alertname=DiskFull"},
			{"alertname=Slow", "team=db", "severity=critical"}, {"alertname=Slow", "team=db"}, {"alertname=Afterglow"}, {"alertname=NoAfterglowPanics", "severity=warning"},
		} {
			require.Equal(t, routed(t, before, alert...), routed(t, after, alert...), "%v", alert)
		}
		to := map[string]string{"page": "afterglow-page", "ticket": "afterglow-ticket", "deadman": "afterglow-deadman"}
		for name, theirs := range receivers {
			to[name] = theirs
			require.NotContains(t, config, "name: afterglow-"+name)
		}
		require.Equal(t, to["page"], routed(t, after, "alertname=AfterglowQueueStuck", "severity=critical"))
		require.Equal(t, to["ticket"], routed(t, after, "alertname=AfterglowPanics", "severity=warning", "team=db"))
		require.Equal(t, to["deadman"], routed(t, after, "alertname=AfterglowWatchdog", "severity=none"))
		require.Equal(t, config, merge(t, config, receivers), "a second merge changes nothing")
	}
}

// The user's receivers may begin as ours do, and the user may have routes and rules about our alerts.
func TestAMergeRemovesNothingOfTheUsers(t *testing.T) {
	const theirs = `route:
  receiver: afterglow-oncall
  routes:
    - receiver: afterglow-oncall
      matchers:
        - alertname=~"Afterglow.+"
      continue: true
inhibit_rules:
  - source_matchers:
      - alertname="AfterglowJobAbsent"
    target_matchers:
      - alertname="SiteDown"
    equal: [namespace]
receivers:
  - name: afterglow-oncall
    webhook_configs:
      - url: http://127.0.0.1:9/oncall
  - name: afterglow-page-2
    webhook_configs:
      - url: http://127.0.0.1:9/page
`
	for _, receivers := range []map[string]string{nil, {"page": "afterglow-oncall"}} {
		config := merge(t, theirs, receivers)
		for _, has := range []string{"name: afterglow-oncall\n", "name: afterglow-page-2\n", "continue: true\n", `alertname="SiteDown"`} {
			require.Equal(t, 1, strings.Count(config, has), "%s in %s", has, config)
		}
		out, err := command(t, "amtool", "check-config", saved(t, config))
		require.NoError(t, err, out)
		require.Contains(t, out, "9 inhibit rules", "theirs, and our eight")
		require.Equal(t, config, merge(t, config, receivers), "a second merge changes nothing")
	}
	to := merge(t, merge(t, theirs, nil), map[string]string{"page": "afterglow-oncall"})
	require.Equal(t, merge(t, theirs, map[string]string{"page": "afterglow-oncall"}), to, "other receivers replace ours")
	require.Equal(t, "afterglow-oncall", routed(t, saved(t, to), "alertname=AfterglowQueueStuck", "severity=critical"))

	both := map[string]string{"page": "afterglow-ticket"}
	_, err := content(t, both).Merge([]byte(theirs), both)
	require.ErrorContains(t, err, "the receiver afterglow-ticket is one of those that are added")
}

func TestWhatIsNoConfigurationIsNotMerged(t *testing.T) {
	for config, says := range map[string]string{
		"":                                   "it has no keys",
		"- a":                                "it has no keys",
		"receivers: []":                      "it has no route",
		"route: {receiver: a}\nreceivers: 7": "receivers is no list",
		"a: [":                               "yaml",
		"route: {receiver: a}\nreceivers: [{name: a}]": "it has no receiver pagerduty",
	} {
		receivers := map[string]string{"page": "pagerduty"}
		_, err := content(t, receivers).Merge([]byte(config), receivers)
		require.ErrorContains(t, err, says, config)
	}
	require.Contains(t, merge(t, "route: {receiver: a, routes: null}\nreceivers: [{name: a}]\n", nil), "inhibit_rules:\n", "lists that are not there are made")
}

// told are the alerts that receivers were told of.
type told struct {
	mu  sync.Mutex
	all map[string]bool // receiver and alert; guarded by mu
}

func (r *told) ServeHTTP(_ http.ResponseWriter, req *http.Request) {
	var body struct {
		Receiver string
		Alerts   []struct{ Labels map[string]string }
	}
	if json.NewDecoder(req.Body).Decode(&body) != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range body.Alerts {
		r.all[body.Receiver+" "+a.Labels["alertname"]+" "+a.Labels["namespace"]] = true
	}
}

func (r *told) has(text string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.all[text]
}

func TestAnAlertmanagerWithTheMergedConfigurationHoldsBackOnlyOurs(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	r := &told{all: make(map[string]bool)}
	hook := httptest.NewServer(r)
	t.Cleanup(hook.Close)
	dir := t.TempDir()
	for _, name := range []string{"page", "ticket", "deadman"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name+".url"), []byte(hook.URL), 0o600))
	}
	q, err := query.New(query.DefaultOptions())
	require.NoError(t, err)
	o := rules.DefaultOptions()
	o.Compress, o.WebhookDir = 300, dir
	c, err := format.New(q, grafana.DefaultOptions(), o)
	require.NoError(t, err)
	config, err := c.Merge([]byte(strings.ReplaceAll(foreign, "HOOK", hook.URL)), nil)
	require.NoError(t, err)
	file := filepath.Join(dir, "alertmanager.yml")
	require.NoError(t, os.WriteFile(file, config, 0o600))
	ports, err := tool.FreePorts(1)
	require.NoError(t, err)
	url := "http://127.0.0.1:" + ports[0]
	process, err := tool.Start(t.Context(), tool.Command{Name: "alertmanager", Ready: url + "/-/ready", Args: []string{
		"--config.file=" + file, "--storage.path=" + t.TempDir(), "--web.listen-address=127.0.0.1:" + ports[0],
		"--log.level=error", "--cluster.listen-address=",
	}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, process.Stop()) })

	send := func(all ...string) {
		var posted []map[string]any
		for _, text := range all {
			labels := make(map[string]string)
			for _, pair := range strings.Fields(text) {
				name, value, _ := strings.Cut(pair, "=")
				labels[name] = value
			}
			posted = append(posted, map[string]any{"labels": labels, "startsAt": time.Now().Add(-time.Hour), "endsAt": time.Now().Add(time.Hour)})
		}
		body, err := json.Marshal(posted)
		require.NoError(t, err)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/api/v2/alerts", bytes.NewReader(body))
		require.NoError(t, err)
		req.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, http.StatusOK, resp.StatusCode)
	}
	eventually := func(want string) {
		require.Eventually(t, func() bool { return r.has(want) }, time.Minute, 20*time.Millisecond, want)
	}
	// The source first: what it holds back is told to nobody from then on.
	send("alertname=AfterglowJobAbsent severity=critical cluster=eu namespace=prod job=shop")
	eventually("afterglow-page AfterglowJobAbsent prod")
	send("alertname=AfterglowPanics severity=warning cluster=eu namespace=prod job=shop runner=mail callback=a",
		"alertname=AfterglowPanics severity=warning cluster=eu namespace=staging job=shop runner=mail callback=a",
		"alertname=DiskFull severity=warning cluster=eu namespace=prod job=shop",
		"alertname=DiskFull severity=critical cluster=eu namespace=staging job=shop")
	eventually("afterglow-ticket AfterglowPanics staging")
	eventually("slack DiskFull prod")
	eventually("pagerduty DiskFull staging")
	var listed []struct {
		Labels map[string]string
		Status struct{ State string }
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/api/v2/alerts", http.NoBody)
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&listed))
	var held []string
	for _, a := range listed {
		if a.Status.State == "suppressed" {
			held = append(held, a.Labels["alertname"]+" "+a.Labels["namespace"])
		}
	}
	require.Equal(t, []string{"AfterglowPanics prod"}, held)
	require.False(t, r.has("afterglow-ticket AfterglowPanics prod"))
}
