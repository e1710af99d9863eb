package grafana

import (
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"

	"github.com/afterglow-go/afterglow/dashboards/internal/query"
)

func overview(query.Config, Options) (dashboard.Dashboard, error) {
	return dashboard.NewDashboardBuilder("Afterglow / Overview").Uid("afterglow-overview").Build()
}
