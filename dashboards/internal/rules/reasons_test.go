package rules_test

const (
	nothingEnds   = "nothing ends, so nothing ends badly"
	othersSucceed = "the others succeed, so the work is done"
	loopIsTold    = "no process lives for long enough; AfterglowScrapeLost tells of the loop"
)

// reasons says why one side of a cell, or both, is not tested: it cannot be, or it
// cannot matter.
var reasons = map[string]cell{
	"AfterglowTimeouts / little traffic": {fires: "five in a quarter of an hour are needed; AfterglowCallbackFailing tells of fewer"},

	"AfterglowErrorBudgetBurnFast / no traffic": {fires: nothingEnds},
	"AfterglowErrorBudgetBurn / no traffic":     {fires: nothingEnds},
	"AfterglowErrorBudgetBurnSlow / no traffic": {fires: nothingEnds},
	"AfterglowLatencyBudgetBurn / no traffic":   {fires: "nothing starts, so nothing starts late"},
	"AfterglowCallbacksDropped / no traffic":    {fires: nothingEnds},
	"AfterglowPanics / no traffic":              {fires: nothingEnds},
	"AfterglowTimeouts / no traffic":            {fires: nothingEnds},
	"AfterglowCallbackFailing / no traffic":     {fires: nothingEnds},
	"AfterglowCallbackSilent / no traffic":      {fires: "what was never asked for was never steady"},

	"AfterglowCallbackSilent / one bad instance of many":  {fires: othersSucceed},
	"AfterglowCallbackFailing / one bad instance of many": {fires: othersSucceed},

	"AfterglowJobAbsent / one bad instance of many":          {fires: "the others are seen; AfterglowScrapeLost names the one"},
	"AfterglowTelemetryAbsent / one bad instance of many":    {fires: "the others are seen; AfterglowScrapeLost names the one"},
	"AfterglowTelemetryAbsent / two namespaces and clusters": {fires: "the others are seen; AfterglowJobAbsent tells of this one"},

	"AfterglowDurableNoWorker / one bad instance of many":    {fires: "one process at a time shows the store, and all see the same one"},
	"AfterglowDurableStoreUnread / one bad instance of many": {fires: "the others see the store"},

	"AfterglowScrapeLost / deploy": {fires: "an instance that was never scraped is not known to be ours; AfterglowJobAbsent tells if all are gone"},

	"AfterglowCallbackSilent / nightly work": {fires: "three steady hours come first: callbacks-days.test.yml has a night"},

	"AfterglowQueueStuck / crash loop":       {fires: loopIsTold},
	"AfterglowWorkersSaturated / crash loop": {fires: loopIsTold},
	"AfterglowScrapeLost / crash loop":       {silent: "this alert tells of the loop"},
}
