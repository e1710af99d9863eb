package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/afterglow-go/afterglow/internal/tool"
)

// reportEvery is how often a build tells how long it has taken so far.
const reportEvery = 5 * time.Second

// build builds what the stack runs: its own programs into dir, and the servers,
// unless that is done, into the repository's bin/. Progress is told on w.
func build(ctx context.Context, dir string, w io.Writer) error {
	if _, err := exec.LookPath("go"); err != nil {
		return errors.New("the go command is not in PATH, and it builds the servers: " +
			"add the directory that it is in, such as /usr/local/go/bin, or install it from https://go.dev/dl")
	}
	if err := report(w, reportEvery, "the shop", func() error { return buildPrograms(ctx, dir) }); err != nil {
		return err
	}
	servers := []string{"jaeger", "victoria-logs", "alertmanager", "prometheus"}
	for i, name := range servers {
		what := fmt.Sprintf("%s (%d of %d servers)", name, i+1, len(servers))
		if err := report(w, reportEvery, what, func() error {
			_, err := tool.Binary(ctx, name, w)
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}

// report calls build and tells on w, every so often, how long it has taken.
func report(w io.Writer, every time.Duration, what string, build func() error) error {
	began := time.Now()
	done := make(chan error, 1)
	go func() { done <- build() }()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			return err
		case <-tick.C:
			fmt.Fprintf(w, "still building %s, %v so far\n", what, time.Since(began).Round(time.Second))
		}
	}
}

// buildPrograms builds the shop, and what generates the rules, into dir.
func buildPrograms(ctx context.Context, dir string) error {
	root, err := tool.Root()
	if err != nil {
		return err
	}
	if err := tool.Go(ctx, root, dir, nil, "build", "-o", dir+string(filepath.Separator), "./examples/shop", "./dashboards/cmd/generate"); err != nil {
		return fmt.Errorf("building the shop: %w", err)
	}
	return nil
}
