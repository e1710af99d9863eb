package rules

import (
	"fmt"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

// nearShare is the share of a kind's places from which on one name may have all that
// it may take: it takes as many as it leaves free, so half if it is alone, and with
// others there are more taken. A little less than half, as callbacks that run for a
// moment take no place.
const nearShare = "0.45"

// placesAlerts tell of one kind of places each: which is full says what callbacks wait
// for, and so where to look.
func (w writer) placesAlerts() []alert {
	return []alert{
		w.full("AfterglowReservedFull", runner.PlaceReserved, runner.ReasonReservedFull,
			"for responses that stay open", "MaxReserved"),
		w.full("AfterglowHeldFull", runner.PlaceHeld, runner.ReasonHeldFull,
			"for their share of Limits", "MaxHeld"),
		w.full("AfterglowPausedFull", runner.PlacePaused, runner.ReasonPausedFull,
			"for another attempt", "MaxPaused"),
	}
}

// full alerts if callbacks were rejected for lack of a kind of places, or so many have
// been taken for a while that one name may have its whole share. The value is the share
// of the places that are taken.
func (w writer) full(name string, place runner.Place, reason runner.Reason, wait, setting string) alert {
	state := fmt.Sprintf("%s=%q", names.LabelState, place)
	by := func(expr string) string { return w.sum(expr, "instance", "runner") }
	taken, limit := w.q.Metric(names.MetricQueuePlaces), by(w.q.Selector(w.q.Metric(names.MetricQueuePlacesLimit), state))
	rejected := by(w.increase("5m", names.MetricRejected, fmt.Sprintf("%s=%q", names.LabelReason, reason)))
	lately := by(fmt.Sprintf("min_over_time(%s[%s])", w.q.Selector(taken, state), w.window("10m")))
	return alert{
		name: name, severity: Warning,
		expr: fmt.Sprintf("%s / %s and (%s or %s >= %s * %s)", by(w.q.Selector(taken, state)), limit,
			above(rejected, "0"), lately, nearShare, limit),
		hold:    "1m",  // not for a process that has just begun: ten minutes of it may be one scrape
		keep:    "10m", // two windows: rejections come in bursts
		summary: fmt.Sprintf("Too many callbacks of runner {{ $labels.runner }} on {{ $labels.instance }} wait %s", wait),
		description: fmt.Sprintf("Callbacks of runner {{ $labels.runner }} of {{ $labels.job }} on {{ $labels.instance }} that wait %s take "+
			"{{ $value | humanizePercentage }} of the places for these (%s). One name may take as many as it leaves free: half, if it is alone. "+
			"Beyond that, its callbacks are rejected as %s. Those of other names are not.", wait, setting, reason),
		dashboard: runtime, panel: "Places, by state", labels: ofInstance,
	}
}
