// Package many_test looks at databases with many tasks: no look at a queue may read them all.
package many_test

import (
	"flag"
	"os"
	"testing"

	"github.com/afterglow-go/afterglow/durable/pgtest"
)

// dead is how many dead letters there are.
var dead = flag.Int("many.dead", 50_000, "how many dead letters there are; a million also asserts that each look takes less than a second")

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }
