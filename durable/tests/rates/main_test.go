//go:build unix

// Package rates_test measures this package beside bare River, and what a database carries.
package rates_test

import (
	"os"
	"testing"

	"github.com/afterglow-go/afterglow/durable/pgtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }
