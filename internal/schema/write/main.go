// Command write writes SCHEMA.md. It is run by go generate, in the directory of
// package telemetry.
package main

import (
	"fmt"
	"os"

	"github.com/afterglow-go/afterglow/internal/schema"
)

func main() {
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func write(file string) error {
	markdown, err := schema.Markdown(".")
	if err != nil {
		return err
	}
	return os.WriteFile(file, []byte(markdown), 0o644)
}
