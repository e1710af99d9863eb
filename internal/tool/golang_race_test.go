//go:build race

package tool_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/internal/tool"
)

func TestProgramsOfATestWithTheRaceDetectorHaveItToo(t *testing.T) {
	require.Equal(t, []string{"-race"}, tool.BuildFlags())
}
