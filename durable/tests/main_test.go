package durable_test

import (
	"flag"
	"os"
	"testing"

	"github.com/afterglow-go/afterglow/durable/pgtest"
)

func TestMain(m *testing.M) {
	if role := os.Getenv(childEnv); role != "" {
		os.Exit(child(role))
	}
	flag.Parse()
	if err := flag.Set("test.parallel", "3"); err != nil { // all engines, however few processors there are
		panic(err)
	}
	os.Exit(pgtest.Main(m))
}
