package repotest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// dependencies lists every package outside the standard library that pkg needs
// to build, itself included.
func dependencies(t *testing.T, pkg string) []string {
	t.Helper()
	out, err := command(t, root(t), nil, "go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", pkg)
	require.NoError(t, err)
	return strings.Fields(out)
}

func TestTheHistogramImportsOnlyTheStandardLibrary(t *testing.T) {
	require.Equal(t, []string{module + "/histogram"}, dependencies(t, module+"/histogram"))
}

func TestTheRunnerImportsOnlyTheHistogramAndTheStandardLibrary(t *testing.T) {
	deps := []string{module + "/histogram", module + "/runner"}
	require.Equal(t, deps, dependencies(t, module+"/runner"))
	for _, pkg := range []string{"/runner/runnertest", "/runner/exacth2"} {
		require.Equal(t, append(deps, module+pkg), dependencies(t, module+pkg))
	}
}

func TestTheConsoleImportsOnlyTheRunnerAndTheStandardLibrary(t *testing.T) {
	require.Equal(t, []string{module + "/histogram", module + "/runner", module + "/console"}, dependencies(t, module+"/console"))
}

func TestTheTelemetryImportsNoSDKAndNoExporter(t *testing.T) {
	deps := dependencies(t, module+"/telemetry")
	require.Contains(t, deps, module+"/runner", "the list is of the wrong package")
	for _, dep := range deps {
		for _, banned := range []string{
			"go.opentelemetry.io/otel/sdk",
			"go.opentelemetry.io/otel/exporters",
			"go.opentelemetry.io/contrib",
			"github.com/stretchr",
			module + "/examples",
			module + "/internal/",
			module + "/telemetry/sampling",
		} {
			require.False(t, strings.HasPrefix(dep, banned), "telemetry depends on %s", dep)
		}
	}
}

func TestTheSamplerNeedsTheSDKAndNothingOfOurs(t *testing.T) {
	deps := dependencies(t, module+"/telemetry/sampling")
	require.Contains(t, deps, "go.opentelemetry.io/otel/sdk/trace")
	for _, dep := range deps {
		if strings.HasPrefix(dep, module) {
			require.Equal(t, module+"/telemetry/sampling", dep)
		}
		require.False(t, strings.HasPrefix(dep, "go.opentelemetry.io/otel/exporters"), dep)
	}
}
