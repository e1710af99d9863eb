package tests

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/api/resource"
)

const unitFile = "deploy/systemd/afterglow-shop@.service"

// unit reads the settings of the unit for one instance.
func unit(t *testing.T, instance string) map[string][]string {
	t.Helper()
	settings := make(map[string][]string)
	text := strings.NewReplacer("%i", instance, "%S", "/var/lib", "\\\n", "").Replace(readFile(t, unitFile))
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == '[' {
			continue
		}
		key, value, found := strings.Cut(line, "=")
		require.True(t, found, line)
		settings[key] = append(settings[key], value)
	}
	return settings
}

func TestTheUnitGivesTheShopTheTimeThatItTakesToEnd(t *testing.T) {
	u := unit(t, "1")
	start := strings.Fields(u["ExecStart"][0])
	require.Equal(t, "/usr/local/bin/afterglow-shop", start[0])
	args := start[1:]
	require.Empty(t, refused(t, args, nil))
	stop, err := time.ParseDuration(u["TimeoutStopSec"][0] + "s")
	require.NoError(t, err)
	require.GreaterOrEqual(t, stop, endTime(args)+reserve)
	require.Equal(t, "mixed", u["KillMode"][0], "SIGTERM goes to the shop alone")
	require.GreaterOrEqual(t, durationOf(args, "not-ready", 0), 3*time.Second, "no preStop pauses here")

	// It may write to its state only, and the load balancer knows its ports.
	require.Equal(t, "strict", u["ProtectSystem"][0])
	require.Equal(t, "yes", u["DynamicUser"][0])
	require.True(t, strings.HasPrefix(flagOf(args, "db"), "/var/lib/"+u["StateDirectory"][0]+"/"))
	require.Equal(t, "127.0.0.1:8081", flagOf(args, "addr"))
	require.Contains(t, u["ExecStartPost"][0], "-healthcheck -ops="+flagOf(args, "ops"))
	other := strings.Fields(unit(t, "2")["ExecStart"][0])
	for _, name := range []string{"addr", "ops", "db"} {
		require.NotEqual(t, flagOf(args, name), flagOf(other, name), "two instances share -%s", name)
	}

	limit, err := resource.ParseQuantity(u["MemoryMax"][0] + "i")
	require.NoError(t, err)
	for _, e := range u["Environment"] {
		if soft, found := strings.CutPrefix(e, "GOMEMLIMIT="); found {
			q, err := resource.ParseQuantity(strings.TrimSuffix(soft, "B"))
			require.NoError(t, err)
			require.InDelta(t, 0.9, float64(q.Value())/float64(limit.Value()), 0.05)
			return
		}
	}
	require.Fail(t, "no GOMEMLIMIT")
}

func TestSystemdTakesTheUnit(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("this machine has no systemd-analyze; the other test of the unit needs none")
	}
	verify := func(text string) string {
		file := filepath.Join(t.TempDir(), "afterglow-shop@1.service")
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		out, err := exec.CommandContext(t.Context(), analyze, "verify", "--man=no", file).CombinedOutput()
		var said []string
		for line := range strings.Lines(string(out)) {
			if strings.Contains(line, "afterglow-shop") { // and not about units of this machine
				said = append(said, line)
			}
		}
		if err != nil && said == nil {
			return string(out)
		}
		return strings.Join(said, "")
	}
	text := strings.ReplaceAll(readFile(t, unitFile), "/usr/local/bin/afterglow-shop", shopProgram(t))
	require.Empty(t, verify(text))
	require.Contains(t, verify(strings.Replace(text, "KillMode=mixed", "KilMode=mixed", 1)), "KilMode")
	require.Contains(t, verify(strings.Replace(text, "TimeoutStopSec=", "TimeoutStopSec=x", 1)), "time value")

	// What it may do if it is broken into: 0 is nothing, 10 everything.
	file := filepath.Join(t.TempDir(), "afterglow-shop@1.service")
	require.NoError(t, os.WriteFile(file, []byte(strings.ReplaceAll(text, "%i", "1")), 0o600))
	out, err := exec.CommandContext(t.Context(), analyze, "security", "--offline=true", "--threshold=20", file).CombinedOutput()
	require.NoError(t, err, "%s", out)
}
