package main

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestStartUpErrorsAreOneLineThatSaysWhatToDo(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, []byte("this is no database, whatever its name says"), 0o600))

	for name, c := range map[string]struct {
		args []string
		says []string
	}{
		"port in use":         {[]string{"-addr", taken.Addr().String()}, []string{taken.Addr().String(), "in use", "-addr"}},
		"ops port in use":     {[]string{"-ops", taken.Addr().String()}, []string{"in use", "-ops"}},
		"no such host":        {[]string{"-addr", "256.0.0.1:1"}, []string{"cannot listen", "-addr"}},
		"no port":             {[]string{"-addr", "localhost"}, []string{"host:port"}},
		"unknown flag":        {[]string{"-x"}, []string{"-x", "-h"}},
		"bad number":          {[]string{"-load", "many"}, []string{`"many"`, "-load: use a whole number", "-h"}},
		"bad duration":        {[]string{"-drain", "5"}, []string{`"5"`, "-drain: use a duration, as in 10s", "-h"}},
		"stray argument":      {[]string{"serve"}, []string{`"serve"`, "-h"}},
		"negative load":       {[]string{"-load", "-1"}, []string{"-load", "0 to"}},
		"no workers":          {[]string{"-workers", "0"}, []string{"-workers", "positive"}},
		"no queue":            {[]string{"-queue", "-5"}, []string{"-queue", "positive"}},
		"no drain":            {[]string{"-drain", "0s"}, []string{"-drain", "positive"}},
		"bad overflow":        {[]string{"-overflow", "explode"}, []string{"-overflow", "drop-oldest"}},
		"limit of no name":    {[]string{"-limits", "order.fax=1"}, []string{"-limits", "order.webhook"}},
		"limit of 0":          {[]string{"-limits", "order.webhook=0"}, []string{"-limits", "positive"}},
		"bad webhook":         {[]string{"-webhook", "ftp://x"}, []string{"-webhook", "http"}},
		"bad smtp":            {[]string{"-smtp", "mail"}, []string{"-smtp", "host:port, as in 127.0.0.1:1025"}},
		"bad admin":           {[]string{"-admin", "boss"}, []string{"-admin", "address"}},
		"bad fault":           {[]string{"-faults", "order.fax=error:1"}, []string{"-faults", "order.webhook"}},
		"flight into a file":  {[]string{"-flight", filepath.Join(file, "flight")}, []string{"-flight", "cannot be written to"}},
		"bad level":           {[]string{"-log-level", "loud"}, []string{"-log-level", "debug"}},
		"durable nowhere":     {[]string{"-durable", "mysql://x"}, []string{"-durable", "sqlite:FILE", "postgres://"}},
		"durable in a file":   {[]string{"-durable", "sqlite:" + filepath.Join(file, "shop.db")}, []string{"cannot use the database", "-durable"}},
		"two databases":       {[]string{"-durable", "sqlite:x.db", "-db", "y.db"}, []string{"-durable and -db", "leave -db out"}},
		"no such role":        {[]string{"-role", "boss"}, []string{"-role", "all, web or worker"}},
		"role of nothing":     {[]string{"-role", "worker"}, []string{"-role worker", "needs -durable"}},
		"worker with orders":  {[]string{"-durable", "sqlite:x.db", "-role", "worker", "-load", "1"}, []string{"-role worker", "-load"}},
		"database in a file":  {[]string{"-db", filepath.Join(file, "shop.db")}, []string{"cannot use the database", "-db"}},
		"database is a dir":   {[]string{"-db", t.TempDir()}, []string{"cannot use the database", "-db"}},
		"database is no such": {[]string{"-db", file}, []string{"cannot use the database", "-db"}},
	} {
		t.Run(name, func(t *testing.T) {
			args := (&testShop{db: filepath.Join(t.TempDir(), "shop.db")}).somewhere(c.args)
			out, errs := new(output), new(output)
			err := run(t.Context(), args, out, errs)
			require.Error(t, err)
			require.NotContains(t, err.Error(), "\n", "one line")
			for _, says := range c.says {
				require.ErrorContains(t, err, says)
			}
			require.Empty(t, out.String())
			require.Empty(t, errs.String(), "main prints the error")
		})
	}
}

func TestMistakesInTheFlagsAreAllReportedInTheOrderOfTheHelp(t *testing.T) {
	mistakes := [][2]string{
		{"-addr", "localhost"}, {"-ops", "8081"}, {"-db", ""}, {"-durable", "mysql://x"}, {"-role", "boss"}, {"-smtp", "mail"}, {"-smtp-delay", "2m"},
		{"-webhook", "ftp://x"}, {"-webhook-attempts", "0"}, {"-admin", "boss"}, {"-workers", "0"}, {"-queue", "-5"}, {"-overflow", "explode"},
		{"-limits", "order.webhook"}, {"-max-reserved", "-1"}, {"-max-held", "-1"}, {"-max-paused", "-1"},
		{"-not-ready", "-1s"}, {"-drain", "0s"}, {"-linger", "-1s"}, {"-load", "-1"}, {"-faults", "x"}, {"-log-level", "loud"},
	}
	var args []string
	for _, m := range mistakes {
		args = append(args, m[:]...)
	}
	err := run(t.Context(), args, new(output), new(output))
	require.Error(t, err)
	lines := strings.Split(err.Error(), "\n")
	require.Len(t, lines, len(mistakes), err)
	for i, m := range mistakes {
		require.True(t, strings.HasPrefix(lines[i], m[0]+" "), "line %d is %q", i, lines[i])
	}
}

func TestStartUpWarnsOfAddressesThatOtherMachinesReach(t *testing.T) {
	const warning = "Warning: "
	require.NotContains(t, startShop(t).stdout.String(), warning)
	out := startShop(t, "-addr", "0.0.0.0:0", "-ops", "0.0.0.0:0").stdout.String()
	require.Equal(t, 1, strings.Count(out, warning), out)
	require.Regexp(t, `(?m)^Warning: -addr and -ops can be reached .*$`, out)
	require.Regexp(t, `(?m)^Warning: -ops can be reached .*$`, startShop(t, "-ops", ":0").stdout.String())
}

func TestStartUpProposesWhatIsNotDoneYet(t *testing.T) {
	require.Contains(t, startShop(t).stdout.String(), "Start it with  -load 50")
	out := startShop(t, "-load", "7", "-smtp-delay", "0s").stdout.String()
	require.NotContains(t, out, "-load 50")
	require.Contains(t, out, "7 orders a second")
}

func TestHelpListsEveryFlag(t *testing.T) {
	out := new(output)
	require.NoError(t, run(t.Context(), []string{"-h"}, out, new(output)))
	for _, flag := range []string{
		"addr", "ops", "db", "durable", "role", "smtp", "smtp-delay", "webhook", "admin", "load", "faults",
		"not-ready", "drain", "linger", "workers", "queue", "overflow", "limits", "max-reserved", "max-held", "max-paused", "webhook-attempts", "log-level", "flight",
	} {
		require.Contains(t, out.String(), "\n  -"+flag+" ")
	}
	for _, name := range callbackNames {
		require.Contains(t, out.String(), name)
	}
	for line := range strings.Lines(out.String()) {
		require.Less(t, len(line), 120, line)
	}
}

func TestTheEnvironmentNamesTheDatabaseOfTasksIfNoFlagDoes(t *testing.T) {
	t.Setenv("SHOP_DURABLE", "sqlite:"+filepath.Join(t.TempDir(), "tasks.db"))
	cfg, err := parseConfig(nil, new(output))
	require.NoError(t, err)
	require.Contains(t, cfg.durable, "tasks.db")
	cfg, err = parseConfig([]string{"-durable", "sqlite:other.db"}, new(output))
	require.NoError(t, err)
	require.Equal(t, "sqlite:other.db", cfg.durable)
	cfg, err = parseConfig([]string{"-durable", ""}, new(output))
	require.NoError(t, err)
	require.Empty(t, cfg.durable)

	t.Setenv("SHOP_DURABLE", "postgres://shop:secret@db/shop")
	out := new(output)
	require.NoError(t, run(t.Context(), []string{"-h"}, out, new(output)))
	require.NotContains(t, out.String(), "secret")
	_, err = parseConfig([]string{"-role", "worker"}, new(output))
	require.NoError(t, err)
}
