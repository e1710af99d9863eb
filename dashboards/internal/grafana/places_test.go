package grafana_test

import (
	"fmt"
	"testing"
	"time"
)

// Two clusters have an instance of the same name, and one of the two is in trouble.
const sameName = `
	afterglow_queue_depth{cluster="eu", job="shop", instance="a", runner="r"} 80x10
	afterglow_queue_depth{cluster="us", job="shop", instance="a", runner="r"} 1x10
	afterglow_queue_capacity{cluster="eu", job="shop", instance="a", runner="r"} 100x10
	afterglow_queue_capacity{cluster="us", job="shop", instance="a", runner="r"} 1024x10
	afterglow_queue_oldest_seconds{cluster="eu", job="shop", instance="a", runner="r"} 40x10
	afterglow_queue_oldest_seconds{cluster="us", job="shop", instance="a", runner="r"} 0x10
	afterglow_callbacks_stuck{cluster="eu", job="shop", instance="a", runner="r", callback="c"} 2x10
	afterglow_callbacks_stuck{cluster="us", job="shop", instance="a", runner="r", callback="c"} 0x10
	afterglow_queue_stalled_seconds{cluster="eu", job="shop", instance="a", runner="r"} 30x10
	afterglow_queue_stalled_seconds{cluster="us", job="shop", instance="a", runner="r"} 0x10
	go_goroutines{cluster="eu", job="shop", instance="a"} 500x10
	go_goroutines{cluster="us", job="shop", instance="a"} 20x10
`

func TestInstancesOfOneNameAreKeptApart(t *testing.T) {
	const instances = "Instances, the fullest first"
	eu, us := `{cluster="eu", instance="a", runner="r"}`, `{cluster="us", instance="a", runner="r"}`
	euRow, usRow := `{cluster="eu", in_cluster="eu", in_namespace="All", instance="a", runner="r"}`, `{cluster="us", in_cluster="us", in_namespace="All", instance="a", runner="r"}`
	requireAnswers(t, sameName,
		asked{"overview", instances, 0, answer{euRow: 0.8, usRow: 1. / 1024}}, asked{"overview", instances, 2, answer{euRow: 40, usRow: 0}},
		asked{"overview", instances, 4, answer{euRow: 2, usRow: 0}},
		asked{"overview", "Queue depth", 0, answer{"{}": 80}}, asked{"overview", "Queue depth", 2, answer{"{}": 100}},
		asked{"runtime", "Queue depth", 0, answer{eu: 80, us: 1}}, asked{"runtime", "Queue stands still", 0, answer{eu: 30, us: 0}},
		asked{"runtime", "Goroutines", 0, answer{`{cluster="eu", instance="a"}`: 500, `{cluster="us", instance="a"}`: 20}})
}

// Two namespaces have the same job, with one runner, one callback and one queue of a store.
const twoNamespaces = `
	afterglow_callbacks_total{namespace="prod", job="shop", pod="p", instance="a", runner="r", callback="c", outcome="success"} 0+60x10
	afterglow_callbacks_total{namespace="staging", job="shop", pod="p", instance="a", runner="r", callback="c", outcome="error"} 0+120x10
	afterglow_workers{namespace="prod", job="shop", pod="p", instance="a", runner="r"} 4x10
	afterglow_workers{namespace="staging", job="shop", pod="p", instance="a", runner="r"} 8x10
	afterglow_durable_tasks{namespace="prod", job="shop", instance="a", runner="r", queue="q", state="due"} 3x10
	afterglow_durable_tasks{namespace="staging", job="shop", instance="a", runner="r", queue="q", state="due"} 5x10
	runner:afterglow_error_budget_burn:ratio_rate1h{namespace="prod", job="shop", runner="r"} 0x10
	runner:afterglow_error_budget_burn:ratio_rate1h{namespace="staging", job="shop", runner="r"} 50x10
	ALERTS{alertname="AfterglowPanics", alertstate="firing", severity="warning", namespace="staging", job="shop", runner="r", callback="c"} 1x10
	ALERTS_FOR_STATE{alertname="AfterglowPanics", severity="warning", namespace="staging", job="shop", runner="r", callback="c"} 300x10
`

func TestTwoNamespacesWithOneJobAreKeptApart(t *testing.T) {
	row := func(namespace string) string {
		return fmt.Sprintf(`{callback="c", in_cluster="All", in_namespace=%q, namespace=%[1]q, runner="r"}`, namespace)
	}
	of := func(namespace, labels string) string { return fmt.Sprintf(`{namespace=%q, %s}`, namespace, labels) }
	burn := func(namespace string) string {
		return `runner:afterglow_error_budget_burn:ratio_rate1h` + of(namespace, `job="shop", runner="r"`)
	}
	const all, firing = ".*", "Firing now"
	alert := `{alertname="AfterglowPanics", callback="c", entry="AfterglowPanics", in_cluster="All", in_namespace="staging", namespace="staging", runner="r", severity="warning"}`
	requireAnswersIn(t, 10*time.Minute, all, twoNamespaces,
		asked{"overview", "Callbacks", 0, answer{row("staging"): 2}},
		asked{"overview", "Callbacks", 1, answer{row("prod"): 1}}, // no success is no share of any
		asked{"overview", "Error budget burn rate, 1 h", 0, answer{burn("prod"): 0, burn("staging"): 50}},
		asked{"overview", firing, 0, answer{alert: 300_000}},
		asked{"durable", "Due, by queue", 0, answer{of("prod", `queue="q", runner="r"`): 3, of("staging", `queue="q", runner="r"`): 5}},
		asked{"durable", "Due, now", 0, answer{"{}": 8}},
		asked{"callback", "Success", 0, answer{"{}": 1. / 3}})
	// A reader chooses one of them, or comes by a link from its row or its alert.
	requireAnswersIn(t, 10*time.Minute, "prod", twoNamespaces,
		asked{"overview", "Callbacks", 0, answer{}}, asked{"overview", "Callbacks", 1, answer{row("prod"): 1}},
		asked{"overview", "Error budget burn rate, 1 h", 0, answer{burn("prod"): 0}},
		asked{"overview", firing, 0, answer{}}, asked{"overview", "Firing alerts", 0, answer{"{}": 0}},
		asked{"durable", "Due, now", 0, answer{"{}": 3}},
		asked{"callback", "Success", 0, answer{"{}": 1}})
	requireAnswersIn(t, 10*time.Minute, "staging", twoNamespaces,
		asked{"overview", "Callbacks", 0, answer{row("staging"): 2}}, asked{"overview", firing, 0, answer{alert: 300_000}},
		asked{"overview", "Firing alerts", 0, answer{"{}": 1}})
}
