package rules_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/dashboards/internal/query"
	"github.com/afterglow-go/afterglow/dashboards/internal/rules"
)

// To generate the dashboards takes most of the time of writing rules. Only links need
// them, and all links are the alerts'.
func TestRulesGenerateTheDashboardsOnce(t *testing.T) {
	q, err := query.New(query.DefaultOptions())
	require.NoError(t, err)
	o := rules.DefaultOptions()
	allocated := func(write func() error) float64 {
		return testing.AllocsPerRun(1, func() { require.NoError(t, write()) })
	}
	alerts := allocated(func() error { _, err := rules.Alerts(q, o); return err })
	require.Less(t, allocated(func() error { _, err := rules.Recording(q, o); return err }), alerts/4)
	require.Less(t, allocated(func() error { _, err := rules.Notifying(q, o); return err }), alerts/4)
	require.Less(t, allocated(func() error { _, err := rules.Files(q, o); return err }), 1.8*alerts)
}

func TestTheWatchdogNotifiesNobody(t *testing.T) {
	q, err := query.New(query.DefaultOptions())
	require.NoError(t, err)
	names, err := rules.Notifying(q, rules.DefaultOptions())
	require.NoError(t, err)
	require.ElementsMatch(t, alertNames(t), append(names, "AfterglowWatchdog"))
}
