package rules_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/dashboards/internal/query"
	"github.com/afterglow-go/afterglow/dashboards/internal/rules"
	"github.com/afterglow-go/afterglow/internal/tool"
)

// told is what one receiver was told of an alert.
type told struct {
	Receiver, Status string
	Labels           map[string]string
	Annotations      map[string]string
}

// manager is an Alertmanager that runs with the configuration that is generated,
// whose intervals are a second.
type manager struct {
	t   *testing.T
	url string
	*inbox
}

// inbox receives what Alertmanagers tell.
type inbox struct {
	url string

	mu       sync.Mutex
	received []told // guarded by mu
}

func newInbox(t *testing.T) *inbox {
	t.Helper()
	if testing.Short() {
		t.Skip("it takes a minute")
	}
	in := new(inbox)
	receiver := httptest.NewServer(http.HandlerFunc(in.receive))
	t.Cleanup(receiver.Close)
	in.url = receiver.URL
	return in
}

func startAlertmanager(t *testing.T) *manager {
	t.Helper()
	return newInbox(t).start(t, "--cluster.listen-address=")
}

// start starts an Alertmanager that tells this inbox.
func (m *inbox) start(t *testing.T, cluster ...string) *manager {
	t.Helper()
	o, hooks := rules.DefaultOptions(), t.TempDir()
	o.Compress, o.WebhookDir = 300, hooks
	for _, name := range []string{"page", "ticket", "deadman"} {
		require.NoError(t, os.WriteFile(filepath.Join(hooks, name+".url"), []byte(m.url), 0o600))
	}
	ports, err := tool.FreePorts(1)
	require.NoError(t, err)
	url := "http://127.0.0.1:" + ports[0]
	process, err := tool.Start(t.Context(), tool.Command{Name: "alertmanager", Ready: url + "/-/ready", Args: append([]string{
		"--config.file=" + filepath.Join(generate(t, query.DefaultOptions(), o), alertmanager), "--storage.path=" + t.TempDir(),
		"--web.listen-address=127.0.0.1:" + ports[0], "--log.level=error",
	}, cluster...)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, process.Stop()) })
	return &manager{t, url, m}
}

func (m *inbox) receive(_ http.ResponseWriter, r *http.Request) {
	var body struct {
		Receiver string
		Alerts   []told
	}
	if json.NewDecoder(r.Body).Decode(&body) != nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, a := range body.Alerts {
		a.Receiver = body.Receiver
		m.received = append(m.received, a)
	}
}

// tellings returns what was received of an alert.
func (m *inbox) tellings(labels map[string]string) (all []told) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, a := range m.received {
		if maps.Equal(a.Labels, labels) {
			all = append(all, a)
		}
	}
	return all
}

// send posts alerts as Prometheus does.
func (m *manager) send(ends time.Time, all ...map[string]string) {
	m.t.Helper()
	type alert struct {
		Labels      map[string]string `json:"labels"`
		Annotations map[string]string `json:"annotations"`
		StartsAt    time.Time         `json:"startsAt"`
		EndsAt      time.Time         `json:"endsAt"`
	}
	var posted []alert
	for _, labels := range all {
		posted = append(posted, alert{labels, map[string]string{"description": "Most of what fails: callback a.", "dashboard_url": "http://grafana/d/x?viewPanel=1"}, time.Now().Add(-time.Hour), ends})
	}
	body, err := json.Marshal(posted)
	require.NoError(m.t, err)
	req, err := http.NewRequestWithContext(m.t.Context(), http.MethodPost, m.url+"/api/v2/alerts", bytes.NewReader(body))
	require.NoError(m.t, err)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	require.NoError(m.t, err)
	defer resp.Body.Close()
	require.Equal(m.t, http.StatusOK, resp.StatusCode)
}

// fire sends alerts that last.
func (m *manager) fire(all ...map[string]string) { m.send(time.Now().Add(4*time.Minute), all...) }

// eventually waits until ok.
func (m *manager) eventually(ok func() bool, what string) {
	m.t.Helper()
	require.Eventually(m.t, ok, time.Minute, 50*time.Millisecond, what)
}

// an alert is its name and its labels, with the severity that it has.
func (m *manager) alert(name, labels string) map[string]string {
	m.t.Helper()
	found := map[string]string{"alertname": "Afterglow" + name}
	for _, r := range alerts(m.t) {
		if r.Alert == "Afterglow"+name {
			found["severity"] = r.Labels["severity"]
		}
	}
	require.NotEmpty(m.t, found["severity"], name)
	for _, pair := range strings.Fields(labels) {
		label, value, _ := strings.Cut(pair, "=")
		found[label] = value
	}
	return found
}

func TestAnAlertHoldsBackWhatFollowsFromItAndNothingElse(t *testing.T) {
	const runner, instance, name = " job=shop runner=mail", " job=shop instance=a runner=mail", " job=shop runner=mail callback=x"
	m := startAlertmanager(t)
	for i, c := range []struct {
		source, labels string
		held, told     []string
	}{
		{
			"TelemetryAbsent", "cluster=eu",
			[]string{"Panics cluster=eu namespace=prod" + name, "JobAbsent cluster=eu namespace=prod job=shop", "ErrorBudgetBurnFast cluster=eu" + runner},
			[]string{"Panics cluster=us namespace=prod" + name, "ErrorBudgetBurnFast cluster=us" + runner, "ShutdownLostWork cluster=eu" + instance},
		},
		{
			"JobAbsent", "cluster=eu namespace=prod job=shop",
			[]string{"Panics cluster=eu namespace=prod" + name, "CallbackSilent cluster=eu namespace=prod" + name},
			[]string{"Panics cluster=eu namespace=staging" + name, "Panics cluster=us namespace=prod" + name, "Panics cluster=eu namespace=prod job=mail runner=mail callback=x", "ShutdownLostWork cluster=eu namespace=prod" + instance},
		},
		{
			"ScrapeLost", "cluster=eu namespace=prod job=shop instance=a",
			[]string{"CallbackStuck cluster=eu namespace=prod callback=x" + instance, "QueueFillingUp cluster=eu namespace=prod" + instance},
			[]string{"QueueStuck cluster=eu namespace=prod job=shop instance=a runner=web", "CallbackSilent cluster=eu namespace=prod" + name, "QueueFillingUp cluster=eu namespace=staging" + instance, "QueueFillingUp cluster=eu namespace=prod job=shop instance=b runner=mail", "ShutdownLostWork cluster=eu namespace=prod" + instance},
		},
		{
			"QueueStuck", "cluster=eu namespace=prod" + instance,
			[]string{"OldestTooOld cluster=eu namespace=prod" + instance, "QueueFillingUp cluster=eu namespace=prod" + instance, "WorkersSaturated cluster=eu namespace=prod" + instance},
			[]string{"OldestTooOld cluster=eu namespace=prod job=shop instance=b runner=mail", "OldestTooOld cluster=eu namespace=staging" + instance, "OldestTooOld cluster=eu namespace=prod job=shop instance=a runner=web", "CallbacksRejected reason=stuck cluster=eu namespace=prod" + runner},
		},
		{
			"HeldFull", "cluster=eu namespace=prod" + instance,
			[]string{"OldestTooOld cluster=eu namespace=prod" + instance},
			[]string{"OldestTooOld cluster=us namespace=prod" + instance, "OldestTooOld cluster=eu namespace=prod job=shop instance=b runner=mail", "QueueFillingUp cluster=eu namespace=prod" + instance},
		},
		{
			"DurableNoWorker", "cluster=eu namespace=prod queue=mail" + runner,
			[]string{"DurableOldestTooOld cluster=eu namespace=prod queue=mail" + runner},
			[]string{"DurableOldestTooOld cluster=eu namespace=prod queue=default" + runner, "DurableOldestTooOld cluster=eu namespace=staging queue=mail" + runner, "DurableDeadLetters cluster=eu namespace=prod" + name},
		},
		{
			"ErrorBudgetBurnFast", "cluster=eu namespace=staging" + runner,
			[]string{"ErrorBudgetBurn cluster=eu namespace=staging" + runner, "CallbacksRejected reason=queue_full cluster=eu namespace=staging" + runner, "Panics cluster=eu namespace=staging" + name},
			[]string{
				"ErrorBudgetBurn cluster=eu namespace=canary" + runner, "CallbacksRejected reason=queue_full cluster=eu namespace=prod" + runner, "Panics cluster=us namespace=staging" + name,
				"CallbackSilent cluster=eu namespace=staging" + name, "CallbackFailing cluster=eu namespace=staging" + name, "NamesFolded cluster=eu namespace=staging" + runner,
				"DurableDeadLetters cluster=eu namespace=staging" + name, "ShutdownLostWork cluster=eu namespace=staging" + instance,
			},
		},
		{
			"ErrorBudgetBurn", "cluster=eu namespace=prod" + runner,
			[]string{"Timeouts cluster=eu namespace=prod" + name, "ErrorBudgetBurnSlow cluster=eu namespace=prod" + runner},
			[]string{"ErrorBudgetBurnFast cluster=eu namespace=prod" + runner, "Timeouts cluster=eu namespace=prod job=shop runner=web callback=x"},
		},
		{ // labels that both lack are equal
			"ErrorBudgetBurnFast", "job=shop runner=mail",
			[]string{"ErrorBudgetBurn job=shop runner=mail", "Panics job=shop runner=mail callback=x"},
			[]string{"Panics job=shop runner=web callback=x"},
		},
	} {
		t.Run(fmt.Sprint(i+1, " ", c.source), func(t *testing.T) {
			m.t = t
			// The clusters of one case are not those of another.
			parse := func(text string) map[string]string {
				name, labels, _ := strings.Cut(text, " ")
				return m.alert(name, strings.ReplaceAll(labels, "cluster=", fmt.Sprintf("cluster=%d-", i)))
			}
			source := parse(c.source + " " + c.labels)
			m.fire(source)
			m.eventually(func() bool { return len(m.tellings(source)) > 0 }, "the source is told")
			var held, others []map[string]string
			for _, text := range c.held {
				held = append(held, parse(text))
			}
			for _, text := range c.told {
				others = append(others, parse(text))
			}
			m.fire(append(held, others...)...)
			for _, a := range others {
				m.eventually(func() bool { return len(m.tellings(a)) > 0 }, fmt.Sprint("told: ", a))
				want := map[string]string{rules.Critical: "page", rules.Warning: "ticket"}[a["severity"]]
				require.Equal(t, want, m.tellings(a)[0].Receiver, a)
				require.Contains(t, m.tellings(a)[0].Annotations["description"], "callback a", "what names the culprit arrives")
				require.Contains(t, m.tellings(a)[0].Annotations["dashboard_url"], "viewPanel")
			}
			// What came after them has been told, to each receiver: so would they have been.
			for _, severity := range []string{rules.Critical, rules.Warning} {
				later := map[string]string{"alertname": "Later", "severity": severity, "case": fmt.Sprint(i)}
				m.fire(later)
				m.eventually(func() bool { return len(m.tellings(later)) > 0 }, "what came later")
			}
			for _, a := range held {
				require.Empty(t, m.tellings(a), "held back")
			}
			require.ElementsMatch(t, held, slices.DeleteFunc(slices.Clone(m.suppressed()), func(a map[string]string) bool {
				return !slices.ContainsFunc(held, func(h map[string]string) bool { return maps.Equal(a, h) })
			}))
			// The case is over: nothing of it holds back what comes next.
			m.send(time.Now(), append(append(held, others...), source)...)
		})
	}
}

// suppressed lists what Alertmanager holds back now.
func (m *manager) suppressed() (found []map[string]string) {
	m.t.Helper()
	resp, err := http.Get(m.url + "/api/v2/alerts?inhibited=true&active=false")
	require.NoError(m.t, err)
	defer resp.Body.Close()
	var all []struct {
		Labels map[string]string
		Status struct{ InhibitedBy []string }
	}
	require.NoError(m.t, json.NewDecoder(resp.Body).Decode(&all))
	for _, a := range all {
		if len(a.Status.InhibitedBy) > 0 {
			found = append(found, a.Labels)
		}
	}
	return found
}

func TestTheEndOfAnAlertIsToldAndThatOfThePageBeforeItIsNot(t *testing.T) {
	m := startAlertmanager(t)
	burn, panics := m.alert("ErrorBudgetBurnFast", "cluster=eu job=shop runner=mail"), m.alert("Panics", "cluster=eu job=shop runner=mail callback=x")
	watchdog := m.alert("Watchdog", "")
	m.fire(watchdog, burn)
	m.eventually(func() bool { return len(m.tellings(burn)) > 0 && len(m.tellings(watchdog)) > 0 }, "it is told")
	require.Equal(t, "deadman", m.tellings(watchdog)[0].Receiver)
	m.fire(panics)
	m.eventually(func() bool { return len(m.suppressed()) == 1 }, "the warning is held back")
	resolved := func(labels map[string]string) bool {
		return slices.ContainsFunc(m.tellings(labels), func(a told) bool { return a.Status == "resolved" })
	}
	m.send(time.Now(), burn, watchdog)
	m.eventually(func() bool { return resolved(burn) }, "the page is told as over")
	m.eventually(func() bool { return len(m.tellings(panics)) > 0 }, "what still fires is told then")
	require.Equal(t, "ticket", m.tellings(panics)[0].Receiver)
	require.False(t, resolved(panics))
	require.False(t, resolved(watchdog), "the switch wants to hear, not to hear of an end")
}
