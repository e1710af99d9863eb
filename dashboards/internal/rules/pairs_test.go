package rules_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/afterglow-go/afterglow/internal/tool"
)

// startPrometheus runs one whose only alert fires, with an external label, until the
// test ends. It returns when it has sent the alert to each Alertmanager.
func startPrometheus(t *testing.T, replica string, relabel any, managers ...*manager) {
	t.Helper()
	dir := t.TempDir()
	var targets []string
	for _, m := range managers {
		targets = append(targets, strings.TrimPrefix(m.url, "http://"))
	}
	type object = map[string]any
	config, err := yaml.Marshal(object{
		"global":     object{"evaluation_interval": "1s", "external_labels": object{"replica": replica, "cluster": "eu"}},
		"rule_files": []string{"rules.yml"},
		"alerting": object{
			"alert_relabel_configs": relabel,
			"alertmanagers":         []object{{"static_configs": []object{{"targets": targets}}}},
		},
	})
	require.NoError(t, err)
	for file, text := range map[string]string{
		"prometheus.yml": string(config),
		"rules.yml":      "groups:\n  - name: a\n    rules:\n      - {alert: Fires, expr: vector(1), labels: {severity: critical}}\n",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600))
	}
	ports, err := tool.FreePorts(1)
	require.NoError(t, err)
	url := "http://127.0.0.1:" + ports[0]
	p, err := tool.Start(t.Context(), tool.Command{Name: "prometheus", Ready: url + "/-/ready", Args: []string{
		"--config.file=" + filepath.Join(dir, "prometheus.yml"), "--storage.tsdb.path=" + filepath.Join(dir, "data"),
		"--web.listen-address=127.0.0.1:" + ports[0], "--log.level=error",
		// What is sent before the Alertmanagers are known is dropped.
		"--rules.alert.resend-delay=1s",
	}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Stop()) })
	require.Eventually(t, func() bool { return sentTo(url) == len(managers) }, time.Minute, 50*time.Millisecond, "it has sent its alert")
}

var sent = regexp.MustCompile(`(?m)^prometheus_notifications_sent_total\{.*\} [1-9]`)

// sentTo counts the Alertmanagers to which a Prometheus has sent alerts.
func sentTo(url string) int {
	resp, err := http.Get(url + "/metrics")
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0
	}
	return len(sent.FindAll(page, -1))
}

// tellingsOf counts what was received of the alert that fires, whatever else its labels say.
func tellingsOf(in *inbox) (n int) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, a := range in.received {
		if a.Labels["alertname"] == "Fires" {
			n++
		}
	}
	return n
}

// Two Prometheus that see the same send the same alert, if the label in which they
// differ is dropped as docker-compose.yml's does.
func TestTwoPrometheusTellOnce(t *testing.T) {
	text, err := os.ReadFile("../../../deploy/prometheus/prometheus.yml")
	require.NoError(t, err)
	var deployed struct {
		Alerting struct {
			Relabel []map[string]any `yaml:"alert_relabel_configs"`
		}
	}
	require.NoError(t, yaml.Unmarshal(text, &deployed))
	require.NotEmpty(t, deployed.Alerting.Relabel)
	for name, c := range map[string]struct {
		relabel any
		once    bool
	}{"their label is dropped": {deployed.Alerting.Relabel, true}, "it is not": {nil, false}} {
		t.Run(name, func(t *testing.T) {
			m := startAlertmanager(t)
			startPrometheus(t, "a", c.relabel, m)
			m.eventually(func() bool { return tellingsOf(m.inbox) == 1 }, "one tells it")
			startPrometheus(t, "b", c.relabel, m)
			if !c.once {
				m.eventually(func() bool { return tellingsOf(m.inbox) > 1 }, "the other one tells it too") // with that of the first once more
				return
			}
			heardTwice(m)
			require.Equal(t, 1, tellingsOf(m.inbox))
		})
	}
}

// heardTwice waits for as long as an alert of another sender takes to be told.
func heardTwice(m *manager) {
	m.t.Helper()
	for i := range 3 { // the first may be told before the alert is heard again
		later := map[string]string{"alertname": fmt.Sprint("Later", i), "severity": "critical"}
		began := time.Now()
		m.fire(later)
		m.eventually(func() bool { return len(m.tellings(later)) > 0 && time.Since(began) > 2*time.Second }, "what came later")
	}
}

// Prometheus sends to both of a pair of Alertmanagers. The second one waits for the
// first, and sees that it has told.
func TestAPairOfAlertmanagersTellsOnce(t *testing.T) {
	const wait = 2 * time.Second // of the second one for the first
	for name, c := range map[string]struct{ peers, told int }{"a pair": {1, 1}, "two that do not know of each other": {0, 2}} {
		t.Run(name, func(t *testing.T) {
			in := newInbox(t)
			ports, err := tool.FreePorts(2)
			require.NoError(t, err)
			flags := func(own, other string) []string {
				args := []string{"--cluster.listen-address=127.0.0.1:" + own, "--cluster.peer-timeout=" + wait.String(), "--cluster.gossip-interval=50ms", "--cluster.settle-timeout=5s"}
				if c.peers > 0 {
					args = append(args, "--cluster.peer=127.0.0.1:"+other)
				}
				return args
			}
			first, second := in.start(t, flags(ports[0], ports[1])...), in.start(t, flags(ports[1], ports[0])...)
			for _, m := range []*manager{first, second} {
				m.eventually(func() bool { return m.peers() == 1+c.peers }, "they have found each other")
			}
			startPrometheus(t, "a", nil, first, second)
			first.eventually(func() bool { return tellingsOf(in) > 0 }, "it is told")
			began := time.Now()
			first.eventually(func() bool { return tellingsOf(in) == 2 || time.Since(began) > wait+5*time.Second }, "both have had their time")
			require.Equal(t, c.told, tellingsOf(in))
		})
	}
}

// peers is how many Alertmanagers are in the cluster, this one included.
func (m *manager) peers() int {
	m.t.Helper()
	resp, err := http.Get(m.url + "/api/v2/status")
	require.NoError(m.t, err)
	defer resp.Body.Close()
	var status struct{ Cluster struct{ Peers []any } }
	require.NoError(m.t, json.NewDecoder(resp.Body).Decode(&status))
	return len(status.Cluster.Peers)
}
