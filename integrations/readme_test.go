package integrations_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The page names each module, and no other.
func TestTheREADMENamesEachModule(t *testing.T) {
	page, err := os.ReadFile("README.md")
	require.NoError(t, err)
	entries, err := os.ReadDir(".")
	require.NoError(t, err)
	for _, e := range entries {
		if e.IsDir() {
			require.Contains(t, string(page), "]("+e.Name()+")")
			require.FileExists(t, e.Name()+"/go.mod")
			require.FileExists(t, e.Name()+"/README.md")
		}
	}
}
