//go:build loki

package main

import (
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/internal/tool"
)

// Nothing else is in Loki's image that could ask.
func TestLogsAreSaidToBeHealthyByTheCheckOfTheContainer(t *testing.T) {
	check := loadCompose(t).Services["loki"].HealthCheck.Test
	require.Equal(t, []string{"CMD", "/usr/bin/loki"}, []string(check[:2]))
	loki, err := tool.Binary(t.Context(), "loki", os.Stderr)
	require.NoError(t, err)
	ask := func(url string) error {
		return exec.CommandContext(t.Context(), loki, append(check[2:], "-health.url="+url)...).Run()
	}
	require.NoError(t, ask(startLoki(t)+"/ready"))
	ports, err := tool.FreePorts(1)
	require.NoError(t, err)
	require.Error(t, ask("http://127.0.0.1:"+ports[0]+"/ready"), "nobody is there")
}
