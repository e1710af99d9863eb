// Package crash_test kills processes that work durable tasks, at random moments, and counts what is lost and what
// runs twice. An engine that does not pass it is not one: add yours to engines.
package crash_test

import (
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/afterglow-go/afterglow/durable/pgtest"
)

// The settings of a run. make crash sets them by CRASHFLAGS.
var (
	rounds    = flag.Int("crash.rounds", 4, "how many processes are killed on each engine")
	seed      = flag.Uint64("crash.seed", 0, "chooses the moments; 0: by the clock")
	deadAfter = flag.Duration("crash.deadafter", 6*time.Second, "Config.DeadAfter of the processes that are killed")
	slow      = flag.Duration("crash.slow", 0, "how long the task of the slow live process takes; 0: three times its DeadAfter")
	chosen    = flag.String("crash.engines", "sqlite,postgres", "which engines: sqlite, postgres, pgsql")
)

func TestMain(m *testing.M) {
	if text := os.Getenv(childEnv); text != "" {
		os.Exit(child(text))
	}
	os.Exit(pgtest.Main(m))
}

// onEach runs a test on each chosen engine, at once: it mostly waits.
func onEach(t *testing.T, test func(t *testing.T, e engine)) {
	for _, name := range strings.Split(*chosen, ",") {
		e, found := engines[name]
		if !found {
			t.Fatalf("-crash.engines has %q", name)
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, e)
		})
	}
}

// elapse lets real time go by, as the processes, the database and the disk of these tests are real.
func elapse(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	<-timer.C
}
