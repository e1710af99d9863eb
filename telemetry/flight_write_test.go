package telemetry_test

import (
	"bytes"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry"
)

func TestWriteToHasWhatIsRecordedNowWhileFilesAreWritten(t *testing.T) {
	g, flight := newFlight(t, telemetry.FlightConfig{})
	r, err := runner.New(runner.Config{Observers: []runner.Observer{g.tel.Observer()}})
	require.NoError(t, err)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			var b bytes.Buffer
			n, err := flight.WriteTo(&b)
			if err != nil || n != int64(b.Len()) || !bytes.HasPrefix(b.Bytes(), []byte("go 1.")) {
				t.Errorf("%v, %d bytes of %d: %.20q", err, n, b.Len(), b.Bytes())
			}
		})
	}
	require.NoError(t, r.Go(t.Context(), "order.email", explode)) // which writes a file
	wg.Wait()
	_, err = r.Shutdown(t.Context())
	require.NoError(t, err)
	flight.Stop()
	_, err = flight.WriteTo(new(bytes.Buffer))
	require.Error(t, err, "it has been stopped")
	_, err = new(telemetry.FlightRecorder).WriteTo(new(bytes.Buffer))
	require.ErrorContains(t, err, "use what NewFlightRecorder returns")
}
