package tests

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// repository is the root of the checkout, as the tests see it.
const repository = "../.."

// shopDir is where the shop is built into; written before the tests begin.
var shopDir string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "afterglow-deploy-test")
	if err != nil {
		panic(err)
	}
	shopDir = dir
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

var built = sync.OnceValues(func() (string, error) {
	cmd := exec.CommandContext(context.Background(), "go", "build", "-o", filepath.Join(shopDir, "shop"), "./examples/shop")
	cmd.Dir = repository
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0", "GOFLAGS=") // as in the image; -race needs cgo
	out, err := cmd.CombinedOutput()
	return string(out), err
})

// shopProgram builds the shop and returns its path.
func shopProgram(t *testing.T) string {
	t.Helper()
	out, err := built()
	require.NoError(t, err, out)
	return filepath.Join(shopDir, "shop")
}

// nowhere is an address that no shop listens at.
const nowhere = "127.0.0.1:1"

// refused says what the shop has against its arguments; "" if it takes them. The shop
// reads them all before it asks another one whether it is ready.
func refused(t *testing.T, args, env []string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), shopProgram(t), append(args, "-healthcheck", "-ops="+nowhere)...)
	cmd.Env = append(cmd.Environ(), env...)
	out, err := cmd.CombinedOutput()
	require.Error(t, err, "nobody listens there")
	if strings.Contains(string(out), "http://"+nowhere+"/readyz") {
		return ""
	}
	return strings.TrimSpace(string(out))
}

func TestTheShopSaysWhatIsWrongWithItsArguments(t *testing.T) {
	require.Empty(t, refused(t, []string{"-drain=6s"}, nil))
	require.Contains(t, refused(t, []string{"-drian=6s"}, nil), "drian")
	require.Contains(t, refused(t, []string{"-role=worker"}, nil), "-durable")
	require.Empty(t, refused(t, []string{"-role=worker"}, []string{"SHOP_DURABLE=postgres://shop@db/shop"}))
}

// readFile reads a file of the repository.
func readFile(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(repository, filepath.FromSlash(name)))
	require.NoError(t, err)
	return string(b)
}
