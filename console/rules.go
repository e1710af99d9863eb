package console

import "time"

// These are the limits of the alerts in dashboards/prometheus/alerts.rules.yml, so that a
// verdict and an alert never contradict each other. A test compares the two.
const (
	oldAge        = time.Minute // AfterglowOldestTooOld
	oldFor        = 2 * time.Minute
	standstill    = 5 * time.Minute  // AfterglowQueueStuck: for so long no worker takes one, and …
	noneOnTime    = 2 * time.Minute  // … for so long none has a callback within its timeout
	fillingShare  = .25              // AfterglowQueueFillingUp: least share of the places …
	fillingFor    = 5 * time.Minute  // … for so long, and …
	fillingFrom   = 15 * time.Minute // … a line through so much …
	fillingWithin = 30 * time.Minute // … is full within that; or …
	almostFull    = .9               // … this share, for fillingFor
	saturated     = .9               // AfterglowWorkersSaturated: share of the workers' time …
	saturatedNow  = 5 * time.Minute  // … in both of these
	saturatedFor  = 15 * time.Minute
	nearShare     = .45              // AfterglowReservedFull and the like: share of the places …
	nearFor       = 10 * time.Minute // … for so long, or …
	lossWindow    = 5 * time.Minute  // … rejected within that; AfterglowCallbacksRejected, AfterglowCallbacksDropped
	stuckFor      = 2 * time.Minute  // AfterglowCallbackStuck
	panicWindow   = 15 * time.Minute // AfterglowPanics
	timeoutWindow = 15 * time.Minute // AfterglowTimeouts: in this window …
	timeoutShare  = .05              // … more than this share, and …
	leastTimeouts = 5                // … so many, and some in each …
	timeoutSpan   = 5 * time.Minute  // … of the last two of these
	failingAfter  = time.Hour        // AfterglowCallbackFailing: the failure is so old …
	failingWithin = 26 * time.Hour   // … and no success is younger
	foldedWindow  = time.Hour        // AfterglowNamesFolded
	fastBurn      = 14.4             // AfterglowErrorBudgetBurnFast: over an hour and five minutes
	steadyBurn    = 6                // AfterglowErrorBudgetBurn: over six hours and half an hour
	leastBad      = 10               // for both
	latencySLO    = .99              // AfterglowLatencyBudgetBurn
	deadWindow    = 15 * time.Minute // AfterglowDurableDeadLetters: one is younger
	dueTooOld     = 5 * time.Minute  // AfterglowDurableOldestTooOld …
	dueTooOldFor  = 2 * time.Minute  // … for so long
)

// These are the console's own: no alert has them.
const (
	slowShare    = .8          // of its timeout that a callback's p95 takes
	leastRuns    = 20          // for that
	alwaysFails  = 3           // failures, and nothing else, in five minutes
	dueIsOld     = time.Minute // of a durable task
	recentWindow = 5 * time.Minute
)
