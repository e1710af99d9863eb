package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/afterglow-go/afterglow/internal/tool"
)

// files lays the configurations of the repository out below a directory, as
// they lie in a checkout and in the containers, with the addresses of this
// stack instead of those of docker-compose.yml.
type files struct {
	root, dir string
	every     time.Duration // Prometheus scrapes and evaluates. 0: as its file has it
	factor    float64       // time is compressed by; 0: not
}

// newFiles finds the checkout that the program runs in.
func newFiles(dir string) (files, error) {
	root, err := tool.Root()
	return files{root: root, dir: dir}, err
}

// path is where a file of the repository is laid out.
func (f files) path(name string) string { return filepath.Join(f.dir, filepath.FromSlash(name)) }

func (f files) write(name, text string) error {
	path := f.path(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	// At once: Prometheus reads the targets while they are written.
	if err := os.WriteFile(path+".new", []byte(text), 0o644); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// copy lays out the files that match, each as edit returns it.
func (f files) copy(pattern string, edit func(string) (string, error)) error {
	found, err := filepath.Glob(filepath.Join(f.root, filepath.FromSlash(pattern)))
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return fmt.Errorf("the repository has no %s", pattern)
	}
	for _, file := range found {
		b, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		text, err := edit(string(b))
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		name, err := filepath.Rel(f.root, file)
		if err != nil {
			return err
		}
		if err := f.write(filepath.ToSlash(name), text); err != nil {
			return err
		}
	}
	return nil
}

const (
	prometheusFile   = "deploy/prometheus/prometheus.yml"
	shopTargets      = "deploy/prometheus/targets/shop.yml"
	alertTargets     = "deploy/prometheus/targets/alertmanager.yml"
	ruleFiles        = "dashboards/prometheus/*.rules.yml"
	alertmanagerFile = "dashboards/alertmanager/alertmanager.yml"
	jaegerFile       = "deploy/jaeger/jaeger.yaml"

	webhookFile = "dashboards/alertmanager/webhook.url" // as alertmanager.yml has it
)

var interval = regexp.MustCompile(`(?m)^(  (?:scrape|evaluation)_interval:) \S+$`)

// prometheus lays out Prometheus's configuration and rules.
func (f files) prometheus(alertmanager string) error {
	err := f.copy(prometheusFile, func(text string) (string, error) {
		if f.every == 0 {
			return text, nil
		}
		if n := len(interval.FindAllString(text, -1)); n != 2 {
			return "", fmt.Errorf("%d intervals instead of two", n)
		}
		return interval.ReplaceAllString(text, "$1 "+f.every.String()), nil
	})
	if err != nil {
		return err
	}
	if err := f.copy(ruleFiles, f.compressRules); err != nil {
		return err
	}
	return f.targets(alertTargets, alertmanager)
}

// targets says whom Prometheus scrapes or tells; it sees the change at once.
func (f files) targets(name, address string) error {
	return f.write(name, fmt.Sprintf("- targets: [%q]\n", address))
}

// alertmanager lays out its configuration; url is told of all alerts.
func (f files) alertmanager(url string) error {
	if err := f.copy(alertmanagerFile, f.compressAlertmanager); err != nil {
		return err
	}
	return f.write(webhookFile, url)
}
