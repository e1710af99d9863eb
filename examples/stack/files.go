package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

	"github.com/afterglow-go/afterglow/internal/tool"
)

// files lays the configurations of the repository out below a directory, as
// they lie in a checkout and in the containers, with the addresses of this
// stack instead of those of docker-compose.yml.
type files struct {
	root, dir   string
	compression float64 // of time. 0: none
	interval    time.Duration
}

// newFiles finds the checkout that the program runs in.
func newFiles(dir string, compression float64, interval time.Duration) (files, error) {
	root, err := tool.Root()
	return files{root: root, dir: dir, compression: compression, interval: cmp.Or(interval, time.Second)}, err
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

const (
	prometheusFile   = "deploy/prometheus/prometheus.yml"
	shopTargets      = "deploy/prometheus/targets/shop.yml"
	alertTargets     = "deploy/prometheus/targets/alertmanager.yml"
	alertmanagerFile = "dashboards/alertmanager/alertmanager.yml"
	jaegerFile       = "deploy/jaeger/jaeger.yaml"
	webhooks         = "deploy/alertmanager/webhooks"
)

// receivers are those of Alertmanager's configuration, each of which reads the
// address that it posts to from a file.
var receivers = []string{"page", "ticket", "deadman"}

// generate lays out the rules, the dashboards, and Alertmanager's
// configuration, which finds its webhooks in this directory.
func (f files) generate(ctx context.Context, program string) error {
	cmd := exec.CommandContext(ctx, program,
		"-out", f.path("dashboards"), "-webhook-dir", f.path(webhooks), "-compress", strconv.FormatFloat(max(1, f.compression), 'g', -1, 64))
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("generating the rules: %w\n%s", err, out)
	}
	return nil
}

var interval = regexp.MustCompile(`(?m)^(  (?:scrape|evaluation)_interval:) \S+$`)

// prometheus lays out Prometheus's configuration.
func (f files) prometheus() error {
	b, err := os.ReadFile(filepath.Join(f.root, filepath.FromSlash(prometheusFile)))
	if err != nil {
		return err
	}
	text := string(b)
	if f.compression > 1 {
		if n := len(interval.FindAllString(text, -1)); n != 2 {
			return fmt.Errorf("%s has %d intervals instead of two", prometheusFile, n)
		}
		text = interval.ReplaceAllString(text, "$1 "+f.interval.String()) // as compressed rules need it
	}
	return f.write(prometheusFile, text)
}

// targets says whom Prometheus scrapes or tells; it sees the change at once.
func (f files) targets(name string, addresses []string) error {
	list, err := json.Marshal([]map[string][]string{{"targets": addresses}}) // which is YAML, too
	if err != nil {
		return err
	}
	return f.write(name, string(list))
}

// webhooks has all receivers post to an address.
func (f files) webhooks(url string) error {
	var errs []error
	for _, name := range receivers {
		errs = append(errs, f.write(webhooks+"/"+name+".url", url))
	}
	return errors.Join(errs...)
}
