package repotest

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

// machine is a directory of programs that serves as the whole PATH.
type machine struct{ bin string }

// newMachine has the system's programs of these names and no others.
func newMachine(t *testing.T, programs ...string) machine {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the gate is a shell script")
	}
	m := machine{t.TempDir()}
	for _, name := range append([]string{"bash", "sh", "dirname", "env", "mktemp", "rm", "tail", "chmod", "true"}, programs...) {
		path, err := exec.LookPath(name)
		require.NoError(t, err)
		require.NoError(t, os.Symlink(path, filepath.Join(m.bin, name)))
	}
	return m
}

// install adds a program that is a line of shell.
func (m machine) install(t *testing.T, name, line string) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(m.bin, name), []byte("#!/bin/sh\n"+line+"\n"), 0o700))
}

// run runs a script of the repository on the machine.
func (m machine) run(t *testing.T, script string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(m.bin, "bash"), filepath.Join(root(t), script))
	cmd.Env = []string{"PATH=" + m.bin, "BIN=" + m.bin, "TMPDIR=" + t.TempDir()}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// aptGet makes a program of each package it is to install.
const aptGet = `[ "$2" = update ] && exit 0
for p in "$@"; do case $p in -q | -y | install | --*) ;; *)
	printf '#!/bin/sh\necho "$0" "$@"\n' >"$BIN/$p"; chmod +x "$BIN/$p" ;;
esac; done`

func TestTheGateInstallsWhatABareDebianLacks(t *testing.T) {
	for _, user := range []string{"root", "a user with sudo"} {
		t.Run(user, func(t *testing.T) {
			m := newMachine(t)
			m.install(t, "apt-get", aptGet)
			if user == "root" {
				m.install(t, "id", "echo 0")
			} else {
				m.install(t, "id", "echo 1000")
				m.install(t, "sudo", `shift; exec "$@"`)
			}
			out, err := m.run(t, ".ci/run")
			require.NoError(t, err, out)
			require.Contains(t, out, "installing make git\n")
			require.Contains(t, out, m.bin+"/make test\n", "it goes on with what it has installed")
			require.FileExists(t, filepath.Join(m.bin, "git"))
		})
	}
}

func TestTheGateSaysInOneLineWhatItCannotInstall(t *testing.T) {
	m := newMachine(t)
	m.install(t, "make", "exit 0")
	m.install(t, "apt-get", "exit 1")
	m.install(t, "id", "echo 1000")
	out, err := m.run(t, ".ci/run")
	require.Error(t, err)
	require.Equal(t, "the gate needs git: install the packages, then try again\n", out)
}

func TestSetupSaysWhatBecomesOfTheTestsWithoutABrowser(t *testing.T) {
	m := newMachine(t)
	m.install(t, "go", "echo cc")
	m.install(t, "cc", "exit 0")
	m.install(t, "initdb", "exit 0")
	out, err := m.run(t, "tools/setup.sh")
	if out == "" {
		t.Skip("this machine has a browser outside its PATH")
	}
	require.NoError(t, err, "the other tests run all the same")
	require.Equal(t, "setup: no Chromium: the tests of the shop's page will fail; install the package chromium, or run make short, which skips them\n", out)
}

func TestSetupFailsWithoutACompiler(t *testing.T) {
	m := newMachine(t)
	m.install(t, "go", "echo cc")
	m.install(t, "chromium", "exit 0")
	m.install(t, "initdb", "exit 0")
	out, err := m.run(t, "tools/setup.sh")
	require.Error(t, err)
	require.Equal(t, "setup: the race detector needs a C compiler (cc): install the packages gcc libc6-dev, then try again\n", out)
}

func TestSetupSaysWhatBecomesOfTheTestsWithoutPostgres(t *testing.T) {
	m := newMachine(t)
	m.install(t, "go", "echo cc")
	m.install(t, "cc", "exit 0")
	m.install(t, "chromium", "exit 0")
	out, err := m.run(t, "tools/setup.sh")
	if out == "" {
		t.Skip("this machine has a Postgres outside its PATH")
	}
	require.NoError(t, err, "the other tests run all the same")
	require.Equal(t, "setup: no Postgres: the tests of durable tasks will fail; install the package postgresql\n", out)
}
