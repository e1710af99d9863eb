package main

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var line = regexp.MustCompile(`^ *\S+ +([0-9.]+)%  (.+)$`)

func TestACPUProfileSplitsByCallbackAndTheDearerOneLeads(t *testing.T) {
	var out strings.Builder
	require.NoError(t, run(t.Context(), &out))
	t.Log("\n" + out.String())

	var names []string
	shares := make(map[string]float64)
	total := 0.0
	for _, l := range strings.Split(strings.TrimSpace(out.String()), "\n")[1:] {
		m := line.FindStringSubmatch(l)
		require.NotNil(t, m, l)
		percent, err := strconv.ParseFloat(m[1], 64)
		require.NoError(t, err)
		names = append(names, m[2])
		shares[m[2]] = percent
		total += percent
	}
	require.Equal(t, "profile invoice.render", names[0])
	require.InDelta(t, 100, total, 0.5)
	// One does three times the work of the other, whatever the machine.
	require.Positive(t, shares["profile thumbnail.resize"])
	require.InDelta(t, 3, shares["profile invoice.render"]/shares["profile thumbnail.resize"], 1.2)
	require.Greater(t, shares["profile invoice.render"]+shares["profile thumbnail.resize"], 80.0, "little is left outside")
}

func TestWhatIsNoCPUProfileIsAnError(t *testing.T) {
	_, err := split([]byte("no profile"))
	require.ErrorContains(t, err, "CPU profile: ")
}
