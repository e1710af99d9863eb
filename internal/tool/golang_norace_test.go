//go:build !race

package tool_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/internal/tool"
)

func TestProgramsOfATestWithoutTheRaceDetectorHaveNone(t *testing.T) {
	require.Empty(t, tool.BuildFlags())
}
