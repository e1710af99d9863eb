package durable_test

import (
	"os"
	"testing"

	"github.com/afterglow-go/afterglow/durable/pgtest"
)

func TestMain(m *testing.M) {
	if role := os.Getenv(childEnv); role != "" {
		os.Exit(child(role))
	}
	os.Exit(pgtest.Main(m))
}
