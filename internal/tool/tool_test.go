package tool_test

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/afterglow-go/afterglow/internal/tool"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server is a tool that answers 200 on the port it is told, or fails.
const server = `package main

import ("fmt"; "net/http"; "os"; "os/signal"; "syscall")

func main() {
	fmt.Println("hello from", os.Args[1])
	if os.Args[1] == "" { fmt.Println("no port"); os.Exit(3) }
	http.HandleFunc("/quit", func(http.ResponseWriter, *http.Request) { os.Exit(4) })
	http.HandleFunc("/kill", func(http.ResponseWriter, *http.Request) {
		self, _ := os.FindProcess(os.Getpid())
		self.Kill() // as the kernel does when memory is short
		select {}
	})
	http.HandleFunc("/", func(http.ResponseWriter, *http.Request) {})
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	go func() { <-signals; fmt.Println("goodbye"); os.Exit(0) }()
	http.ListenAndServe("127.0.0.1:"+os.Args[1], nil)
}
`

// newCheckout goes to a directory that looks like this repository, with a tool
// called jaeger that is quick to build.
func newCheckout(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.work":                    "go 1.26.0\n",
		"tools/jaeger/go.mod":        "module example.com/tools\n\ngo 1.26.0\n\ntool example.com/tools/jaeger\n",
		"tools/jaeger/go.sum":        "",
		"tools/jaeger/jaeger/our.go": server,
		"some/where/else/x":          "",
	} {
		file := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o700))
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	}
	t.Chdir(filepath.Join(dir, "some/where/else"))
}

func TestAToolIsWholeHoweverManyBuildItAtOnce(t *testing.T) {
	newCheckout(t)
	var asking sync.WaitGroup
	for range 4 {
		asking.Go(func() {
			path, err := tool.Binary(t.Context(), "jaeger", new(bytes.Buffer))
			if err != nil {
				t.Error(err)
				return
			}
			out, err := exec.CommandContext(t.Context(), path, "").Output()
			if string(out) != "hello from \nno port\n" {
				t.Errorf("it says %q: %v", out, err)
			}
		})
	}
	asking.Wait()
	left, err := filepath.Glob("../../../bin/*/*")
	require.NoError(t, err)
	require.Len(t, left, 1, "the tool alone: %v", left)
}

// Each run of the test binary is a process of its own.
func TestAToolIsBuiltAnewOnlyWhenItIsOutOfDate(t *testing.T) {
	if os.Getenv("TOOL_TEST_BUILD") != "" {
		_, err := tool.Binary(t.Context(), "jaeger", new(bytes.Buffer))
		require.NoError(t, err)
		return
	}
	newCheckout(t)
	build := func() os.FileInfo {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
		cmd.Env = append(cmd.Environ(), "TOOL_TEST_BUILD=1")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		file, err := filepath.Glob("../../../bin/*/jaeger")
		require.NoError(t, err)
		require.Len(t, file, 1)
		info, err := os.Stat(file[0])
		require.NoError(t, err)
		return info
	}
	first := build()
	require.True(t, os.SameFile(first, build()), "nothing has changed")
	require.NoError(t, os.WriteFile("../../../tools/jaeger/jaeger/our.go", []byte(server+"var _ = 1\n"), 0o600))
	require.False(t, os.SameFile(first, build()))
}

func TestABuildThatFailsSaysWhyAndLeavesNothing(t *testing.T) {
	newCheckout(t)
	require.NoError(t, os.WriteFile("../../../tools/jaeger/jaeger/our.go", []byte("package main\n\nfunc main() { nonsense() }\n"), 0o600))
	_, err := tool.Binary(t.Context(), "jaeger", new(bytes.Buffer))
	require.ErrorContains(t, err, "undefined: nonsense")
	left, err := filepath.Glob("../../../bin/*/*")
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestAFamilyIsBuiltWithItsTags(t *testing.T) {
	newCheckout(t)
	for name, text := range map[string]string{
		"go.mod":          "module example.com/tools\n\ngo 1.26.0\n\ntool (\n\texample.com/tools/prometheus\n\texample.com/tools/promtool\n)\n",
		"go.sum":          "",
		"prometheus/a.go": "//go:build remove_all_sd\n\npackage main\n\nfunc main() {}\n",
		"promtool/a.go":   "package main\n\nfunc main() {}\n",
	} {
		file := filepath.Join("../../../tools/prometheus", name)
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o700))
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	}
	for _, name := range []string{"prometheus", "promtool"} {
		path, err := tool.Binary(t.Context(), name, new(bytes.Buffer))
		require.NoError(t, err)
		require.FileExists(t, path)
	}
}

func TestOnlyKnownToolsAreBuiltAndOnlyInACheckout(t *testing.T) {
	_, err := tool.Binary(t.Context(), "hammer", new(bytes.Buffer))
	require.EqualError(t, err, `tool: no tool is called "hammer"`)
	t.Chdir(t.TempDir())
	_, err = tool.Binary(t.Context(), "jaeger", new(bytes.Buffer))
	require.ErrorContains(t, err, "not in a checkout")
}

func TestAToolIsReadyWhenStartReturnsAndEndedWhenStopDoes(t *testing.T) {
	newCheckout(t)
	ports, err := tool.FreePorts(1)
	require.NoError(t, err)
	var output bytes.Buffer
	p, err := tool.Start(t.Context(), tool.Command{Name: "jaeger", Args: ports, Ready: "http://127.0.0.1:" + ports[0], Output: &output})
	require.NoError(t, err)
	require.Equal(t, "hello from "+ports[0]+"\n", p.Output())
	require.NoError(t, p.Stop())
	require.NoError(t, p.Stop(), "a second time does nothing")
	require.Equal(t, "hello from "+ports[0]+"\ngoodbye\n", output.String(), "it had the time to say so")
	_, err = net.Dial("tcp", "127.0.0.1:"+ports[0])
	require.Error(t, err)
}

func TestAProgramThatIsThereAlreadyIsStartedWhereItIsTold(t *testing.T) {
	newCheckout(t)
	path, err := tool.Binary(t.Context(), "jaeger", new(bytes.Buffer))
	require.NoError(t, err)
	dir, elsewhere := filepath.Dir(path), t.TempDir()
	t.Chdir(elsewhere) // no checkout
	ports, err := tool.FreePorts(1)
	require.NoError(t, err)
	p, err := tool.Start(t.Context(), tool.Command{
		Path: "./" + filepath.Base(path), Dir: dir, Args: ports, Ready: "http://127.0.0.1:" + ports[0],
	})
	require.NoError(t, err)
	require.NoError(t, p.Stop())
}

func TestAToolThatDoesNotStartIsAnErrorWithWhatItSaid(t *testing.T) {
	newCheckout(t)
	_, err := tool.Start(t.Context(), tool.Command{Name: "jaeger", Args: []string{""}, Ready: "http://127.0.0.1:1"})
	require.ErrorContains(t, err, "exit status 3")
	require.ErrorContains(t, err, "hello from \nno port\n")
}

func TestAToolEndsWithItsContextAndStopSaysNothingBad(t *testing.T) {
	newCheckout(t)
	ports, err := tool.FreePorts(1)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	p, err := tool.Start(ctx, tool.Command{Name: "jaeger", Args: ports, Ready: "http://127.0.0.1:" + ports[0]})
	require.NoError(t, err)
	cancel()
	<-p.Ended()
	require.NoError(t, p.Stop())
}

func TestAToolThatEndedByItselfIsAnErrorOfStop(t *testing.T) {
	newCheckout(t)
	ports, err := tool.FreePorts(1)
	require.NoError(t, err)
	url := "http://127.0.0.1:" + ports[0]
	p, err := tool.Start(t.Context(), tool.Command{Name: "jaeger", Args: ports, Ready: url})
	require.NoError(t, err)
	_, err = (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Get(url + "/quit")
	require.Error(t, err, "it quits instead of answering")
	<-p.Ended()
	require.ErrorContains(t, p.Stop(), "exit status 4")
}

func TestAToolThatSomebodyElseKilledIsNoneThatStopKilled(t *testing.T) {
	newCheckout(t)
	ports, err := tool.FreePorts(1)
	require.NoError(t, err)
	url := "http://127.0.0.1:" + ports[0]
	for _, asked := range []bool{false, true} { // before Stop, by the context
		ctx, cancel := context.WithCancel(t.Context())
		p, err := tool.Start(ctx, tool.Command{Name: "jaeger", Args: ports, Ready: url})
		require.NoError(t, err)
		_, err = (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Get(url + "/kill")
		require.Error(t, err)
		<-p.Ended()
		if asked {
			cancel()
		}
		err = p.Stop()
		cancel()
		require.ErrorContains(t, err, "it had ended unasked: signal: killed")
	}
}

func TestNoFreePortIsGivenTwice(t *testing.T) {
	var asking sync.WaitGroup
	var seen sync.Map
	for range 40 {
		asking.Go(func() {
			ports, err := tool.FreePorts(50)
			if err != nil {
				t.Error(err)
			}
			for _, port := range ports {
				if _, twice := seen.LoadOrStore(port, nil); twice {
					t.Errorf("%s is given twice", port)
				}
			}
		})
	}
	asking.Wait()
}
