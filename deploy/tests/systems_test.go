package tests

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/go/packages"
)

// These are the systems that the tests do not run on here. The types are checked, and nothing is compiled, which
// would take longer.
func TestTheLibraryPassesTheTypeCheckOnOtherSystems(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes a minute")
	}
	for _, system := range []string{"darwin", "windows"} {
		found, err := packages.Load(&packages.Config{
			Mode: packages.LoadAllSyntax, Dir: repository, Tests: true,
			Env: append(os.Environ(), "GOOS="+system, "CGO_ENABLED=0", "GOFLAGS="), // -race needs cgo
		}, "./...", "./durable/...", "./examples/...")
		require.NoError(t, err)
		require.Greater(t, len(found), 100)
		for p := range packages.Postorder(found) {
			require.Empty(t, p.Errors, "%s, %s", system, p)
		}
	}
}
