package console

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// alertLimits are what the expression of each alert must have, made of the limits that
// verdicts use.
var alertLimits = map[string][]string{
	"AfterglowErrorBudgetBurnFast": {over("rate1h", fastBurn), over("rate5m", fastBurn), fmt.Sprint(">= ", leastBad)},
	"AfterglowErrorBudgetBurn":     {over("rate6h", steadyBurn), over("rate30m", steadyBurn), over("rate5m", steadyBurn), "fast[1h]", fmt.Sprint(">= ", leastBad)},
	"AfterglowLatencyBudgetBurn":   {over("rate1h", fastBurn), over("rate5m", fastBurn), over("rate6h", steadyBurn), over("rate30m", steadyBurn), fmt.Sprint(">= ", leastBad)},
	"AfterglowCallbacksDropped":    {window(lossWindow)},
	"AfterglowCallbacksRejected":   {window(lossWindow), `reason!~"closed|reserved_full|held_full|paused_full"`},
	"AfterglowShutdownLostWork":    {"afterglow_shutdown_lost_total"},
	"AfterglowQueueStuck":          {over("stalled_seconds", standstill.Seconds()), "on_time" + window(noneOnTime) + ") > 0"},
	"AfterglowOldestTooOld":        {over("oldest_seconds", oldAge.Seconds()), over(window(oldFor)+")", oldAge.Seconds())},
	"AfterglowQueueFillingUp": {
		fmt.Sprintf("%s, %v)", window(fillingFrom), fillingWithin.Seconds()), fmt.Sprintf("%s) >= %v *", window(fillingFor), fillingShare), fmt.Sprintf("%s) >= %v *", window(fillingFor), almostFull),
	},
	"AfterglowWorkersSaturated": {over(window(saturatedNow)+") / afterglow_workers", saturated), over(window(saturatedFor)+") / afterglow_workers", saturated), over("depth"+window(saturatedFor)+")", 0)},
	"AfterglowReservedFull":     {window(lossWindow), window(nearFor), fmt.Sprint(nearShare, " *"), `reason="reserved_full"`},
	"AfterglowHeldFull":         {window(lossWindow), window(nearFor), fmt.Sprint(nearShare, " *"), `reason="held_full"`},
	"AfterglowPausedFull":       {window(lossWindow), window(nearFor), fmt.Sprint(nearShare, " *"), `reason="paused_full"`},
	"AfterglowPanics":           {`outcome="panic"}` + window(panicWindow)},
	"AfterglowTimeouts":         {`outcome="timeout"}` + window(timeoutWindow), over("", timeoutShare), fmt.Sprint(">= ", leastTimeouts), window(timeoutSpan), "[5m] offset 5m"},
	"AfterglowCallbackStuck":    {"stuck" + window(stuckFor) + ") > 0"},
	"AfterglowCallbackFailing":  {"offset " + prom(failingAfter), window(failingWithin)},
	"AfterglowNamesFolded":      {window(foldedWindow)},

	"AfterglowDurableDeadLetters":  {`mode="durable",outcome=~"error|panic|timeout"}` + window(deadWindow)},
	"AfterglowDurableOldestTooOld": {over("due_seconds)", dueTooOld.Seconds()), fmt.Sprintf("%s) ) > %v", window(dueTooOldFor), dueTooOld.Seconds()), "unless max by (cluster, namespace, job, runner, queue) (afterglow_durable_paused) == 1"},
}

func over(of string, limit float64) string {
	return strings.TrimSpace(fmt.Sprintf("%s > %v", of, limit))
}

func window(d time.Duration) string { return "[" + prom(d) + "]" }

// prom writes a duration as Prometheus does.
func prom(d time.Duration) string {
	s := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(s, zero) {
			s = strings.TrimSuffix(s, zero[1:])
		}
	}
	if days := d / (24 * time.Hour); days > 0 {
		s = fmt.Sprintf("%dd%s", days, prom(d%(24*time.Hour)))
	}
	return s
}

// If an alert changes and the verdict of the same trouble does not, the page would say
// that all is well while somebody is called.
func TestTheLimitsAreThoseOfTheAlerts(t *testing.T) {
	text, err := os.ReadFile("../dashboards/prometheus/alerts.rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	exprs := make(map[string]string)
	for _, part := range strings.Split(string(text), "- alert: ")[1:] {
		name, rest, _ := strings.Cut(part, "\n")
		expr, _, _ := strings.Cut(rest, "\n        labels:")
		expr, _, _ = strings.Cut(expr, "\n        keep_firing_for:")
		exprs[strings.TrimSpace(name)] = strings.Join(strings.Fields(expr), " ")
	}
	for name, needles := range alertLimits {
		for _, needle := range needles {
			if !strings.Contains(exprs[name], needle) {
				t.Errorf("%s has no %q: %s", name, needle, exprs[name])
			}
		}
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var source strings.Builder
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		source.Write(b)
	}
	compared := 0
	for name := range exprs {
		if !strings.Contains(source.String(), `"`+name+`"`) {
			continue
		}
		compared++
		if len(alertLimits[name]) == 0 {
			t.Errorf("%s has a verdict, and no limits that are compared", name)
		}
	}
	if compared != len(alertLimits) {
		t.Errorf("%d alerts have verdicts, and the limits of %d are compared", compared, len(alertLimits))
	}
}
