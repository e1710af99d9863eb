package tests

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

// logbook tells another process which programs are under way. A panic on a
// goroutine of the runner takes this process down, and nothing in it can then say
// which program that was.
type logbook struct {
	to     io.WriteCloser
	reader *exec.Cmd
}

// openLogbook starts the other process. It ends with the test.
func openLogbook(t *testing.T) *logbook {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	l := &logbook{reader: exec.Command(self, "-test.run=^TestSim$", "-sim.logbook")}
	l.reader.Stderr = os.Stderr
	l.to, err = l.reader.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, l.reader.Start())
	t.Cleanup(func() {
		_, err := fmt.Fprintln(l.to, "end")
		require.NoError(t, err)
		require.NoError(t, l.to.Close())
		require.NoError(t, l.reader.Wait())
	})
	return l
}

// note writes down that a lane begins a program in a step of the run.
func (l *logbook) note(lane int, seed uint64, step int64) {
	_, _ = fmt.Fprintln(l.to, lane, seed, step) // the reader lives as long as the test
}

// readLogbook is the other process. If the log has no end, it says which
// programs were under way.
func readLogbook(log io.Reader, say io.Writer) {
	type entry struct{ lane, seed, step uint64 }
	last := map[uint64]entry{}
	for lines := bufio.NewScanner(log); lines.Scan(); {
		if lines.Text() == "end" {
			return
		}
		var e entry
		if _, err := fmt.Sscan(lines.Text(), &e.lane, &e.seed, &e.step); err == nil {
			last[e.lane] = e
		}
	}
	for _, e := range last {
		_, _ = fmt.Fprintf(say, "sim: the process has died, perhaps of the program that began after step %d of the run; repeat with -sim.seed=%d -sim.steps=1 -cpu=1\n", e.step, e.seed)
	}
}
