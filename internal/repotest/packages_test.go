package repotest

import (
	"maps"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// ofOthers are the packages that documents name and that are not in a module of the workspace. A
// document's file in testdata/docs can import others.
var ofOthers = map[string]string{
	"bytes": "bytes", "context": "context", "errors": "errors", "fmt": "fmt", "hash": "hash", "crc32": "hash/crc32", "io": "io", "log": "log", "slog": "log/slog", "net": "net",
	"http": "net/http", "httptest": "net/http/httptest", "httputil": "net/http/httputil", "pprof": "net/http/pprof", "url": "net/url",
	"os": "os", "signal": "os/signal", "slices": "slices", "strconv": "strconv", "strings": "strings", "sync": "sync", "atomic": "sync/atomic",
	"sql": "database/sql", "syscall": "syscall", "testing": "testing", "synctest": "testing/synctest", "time": "time", "tls": "crypto/tls",

	"require": "github.com/stretchr/testify/require", "prometheus": "github.com/prometheus/client_golang/prometheus",
	"promhttp": "github.com/prometheus/client_golang/prometheus/promhttp",
	"otel":     "go.opentelemetry.io/otel", "sdktrace": "go.opentelemetry.io/otel/sdk/trace", "trace": "go.opentelemetry.io/otel/trace",
	"otelslog": "go.opentelemetry.io/contrib/bridges/otelslog", "otelhttp": "go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp",
	"otelgrpc": "go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc", "otelchi": "github.com/riandyrn/otelchi",

	"gin": "github.com/gin-gonic/gin", "chi": "github.com/go-chi/chi/v5", "echo": "github.com/labstack/echo/v4", "echov5": "github.com/labstack/echo/v5",
	"mux": "github.com/gorilla/mux", "httprouter": "github.com/julienschmidt/httprouter", "connect": "connectrpc.com/connect",
	"grpc": "google.golang.org/grpc", "credentials": "google.golang.org/grpc/credentials", "insecure": "google.golang.org/grpc/credentials/insecure",
	"fasthttp": "github.com/valyala/fasthttp", "fiber": "github.com/gofiber/fiber/v3",
	"lambda": "github.com/aws/aws-lambda-go/lambda", "events": "github.com/aws/aws-lambda-go/events",

	"pond": "github.com/alitto/pond/v2", "ants": "github.com/panjf2000/ants/v2", "errgroup": "golang.org/x/sync/errgroup",
}

// packagesByName returns what documents can import, by name. A name that two packages of the workspace have
// is neither's: the document's file imports the right one.
func packagesByName(t *testing.T) map[string]string {
	t.Helper()
	args := []string{"list", "-f", "{{.Name}} {{.ImportPath}}"}
	for _, folder := range workspace(t) {
		args = append(args, "./"+filepath.Join(folder, "..."))
	}
	out, err := command(t, root(t), nil, "go", args...)
	require.NoError(t, err)
	byName := make(map[string]string)
	for line := range strings.Lines(out) {
		name, path, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch {
		case name == "main", strings.Contains(path, "/internal/"), strings.HasSuffix(path, "/tests"), strings.HasPrefix(path, module+"/examples/"):
		case byName[name] != "" && byName[name] != path:
			byName[name] = "ambiguous"
		default:
			byName[name] = path
		}
	}
	maps.DeleteFunc(byName, func(_, path string) bool { return path == "ambiguous" })
	require.Contains(t, byName, "otelsetup", "a module of its own")
	maps.Copy(byName, ofOthers)
	return byName
}
