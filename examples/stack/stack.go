package main

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/afterglow-go/afterglow/examples/internal/alerts"
	"github.com/afterglow-go/afterglow/internal/tool"
)

// options say how the stack is run.
type options struct {
	dir         string             // for all that it writes
	programs    string             // the directory that buildPrograms has built into
	usualPorts  bool               // where they are free; false: any
	metricsOnly bool               // without Jaeger and VictoriaLogs
	onAlert     func(alerts.Alert) // one at a time
	compression float64            // of time, by rules and notifications; 0: none
	interval    time.Duration      // of scrapes and evaluations in compressed time; 0: a second
	shopFlags   []string           // of the first shop
	shopEnd     time.Duration      // what a shop may take to end; 0: thirty seconds
}

// stack is what runs.
type stack struct {
	options
	files files

	prometheusURL, alertmanagerURL, jaegerURL, victoriaLogsURL string

	first    *shop  // of the shops
	otlp     string // where Jaeger takes spans
	receiver *http.Server
	servers  []*server // in the order of their start
	logs     []io.Closer
	scraped  []string // the shops' ops addresses
	crashed  chan error
}

// shop is one that runs.
type shop struct {
	*server
	url, ops string
	ports    []string
	log      string // the file
}

// start starts it all, the one that looks after the one that is looked at:
// rules in compressed time miss a shop that is a moment late.
func start(ctx context.Context, o options) (_ *stack, err error) {
	s := &stack{options: o, crashed: make(chan error, 8)}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.stop())
		}
	}()
	if s.files, err = newFiles(o.dir, o.compression, o.interval); err != nil {
		return nil, err
	}
	webhook, err := s.receive()
	if err != nil {
		return nil, err
	}
	if err := s.files.webhooks(webhook); err != nil {
		return nil, err
	}
	if err := s.files.generate(ctx, filepath.Join(o.programs, "generate")); err != nil {
		return nil, err
	}
	if !o.metricsOnly {
		if err := s.startJaeger(ctx); err != nil {
			return nil, err
		}
		if err := s.startVictoriaLogs(ctx); err != nil {
			return nil, err
		}
	}
	if err := s.startAlertmanager(ctx); err != nil {
		return nil, err
	}
	if s.first, err = s.startShop(ctx, o.shopFlags...); err != nil {
		return nil, err
	}
	return s, s.startPrometheus(ctx)
}

// receive listens for what Alertmanager tells, and returns the URL.
func (s *stack) receive() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	var mu sync.Mutex
	s.receiver = &http.Server{ReadTimeout: 10 * time.Second, Handler: alerts.Handler(func(a alerts.Alert) {
		mu.Lock()
		defer mu.Unlock()
		s.onAlert(a)
	})}
	go func() { _ = s.receiver.Serve(l) }() // until it is closed
	return "http://" + l.Addr().String() + "/", nil
}

// ports returns the usual ones where nobody listens, others otherwise.
func (s *stack) ports(usual ...string) ([]string, error) {
	ports, err := tool.FreePorts(len(usual))
	if err != nil || !s.usualPorts {
		return ports, err
	}
	for i, port := range usual {
		if l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", port)); err == nil {
			l.Close()
			ports[i] = port
		}
	}
	return ports, nil
}

func (s *stack) startJaeger(ctx context.Context) error {
	ports, err := s.ports("16686", "4318", "4317", "16685", "13133")
	if err != nil {
		return err
	}
	s.jaegerURL, s.otlp = "http://127.0.0.1:"+ports[0], "http://127.0.0.1:"+ports[1]
	_, err = s.startServer(ctx, tool.Command{
		Name: "jaeger",
		Args: []string{"--config", filepath.Join(s.files.root, filepath.FromSlash(jaegerFile))},
		Env: []string{
			"JAEGER_LISTEN_HOST=127.0.0.1", "JAEGER_HTTP_PORT=" + ports[0], "OTLP_HTTP_PORT=" + ports[1],
			"OTLP_GRPC_PORT=" + ports[2], "JAEGER_GRPC_PORT=" + ports[3], "HEALTH_PORT=" + ports[4],
			"OTEL_TRACES_SAMPLER=always_off", // no traces of itself
		},
		Ready: "http://127.0.0.1:" + ports[4] + "/status",
	})
	return err
}

func (s *stack) startVictoriaLogs(ctx context.Context) error {
	ports, err := s.ports("9428")
	if err != nil {
		return err
	}
	address := "127.0.0.1:" + ports[0]
	s.victoriaLogsURL = "http://" + address
	_, err = s.startServer(ctx, tool.Command{
		Name: "victoria-logs",
		Args: []string{
			"-storageDataPath=" + s.files.path("data/victoria-logs"), "-httpListenAddr=" + address, "-loggerLevel=WARN",
		},
		Ready: s.victoriaLogsURL + "/health",
	})
	return err
}

func (s *stack) startAlertmanager(ctx context.Context) error {
	ports, err := s.ports("9093")
	if err != nil {
		return err
	}
	address := "127.0.0.1:" + ports[0]
	s.alertmanagerURL = "http://" + address
	_, err = s.startServer(ctx, tool.Command{
		Name: "alertmanager",
		Args: []string{
			"--config.file=" + s.files.path(alertmanagerFile), "--storage.path=" + s.files.path("data/alertmanager"),
			"--web.listen-address=" + address, "--cluster.listen-address=", "--log.level=warn",
		},
		Ready: s.alertmanagerURL + "/-/ready",
	})
	return err
}

func (s *stack) startPrometheus(ctx context.Context) error {
	ports, err := s.ports("9090")
	if err != nil {
		return err
	}
	address := "127.0.0.1:" + ports[0]
	s.prometheusURL = "http://" + address
	if err := s.files.prometheus(); err != nil {
		return err
	}
	if err := s.files.targets(alertTargets, []string{strings.TrimPrefix(s.alertmanagerURL, "http://")}); err != nil {
		return err
	}
	args := []string{
		"--config.file=" + s.files.path(prometheusFile), "--storage.tsdb.path=" + s.files.path("data/prometheus"),
		"--web.listen-address=" + address, "--enable-feature=exemplar-storage,created-timestamp-zero-ingestion", "--log.level=warn",
	}
	if s.compression > 1 {
		// It takes new targets after some seconds, which are minutes to its rules.
		args = append(args, "--scrape.discovery-reload-interval=100ms")
	}
	_, err = s.startServer(ctx, tool.Command{Name: "prometheus", Args: args, Ready: s.prometheusURL + "/-/ready"})
	return err
}

// startShop starts a shop, which exports to Jaeger and VictoriaLogs, and has it scraped.
func (s *stack) startShop(ctx context.Context, args ...string) (*shop, error) {
	ports, err := s.ports("8080", "8081")
	if err != nil {
		return nil, err
	}
	return s.startShopAt(ctx, ports, args...)
}

// startShopAt is startShop at two ports, its own and that of its ops.
func (s *stack) startShopAt(ctx context.Context, ports []string, args ...string) (_ *shop, err error) {
	ops := "127.0.0.1:" + ports[1]
	sh := &shop{
		url: "http://127.0.0.1:" + ports[0], ops: "http://" + ops, ports: ports,
		log: s.files.path("data/shop-" + ports[0] + ".log"),
	}
	// For those who watch: a runbook leads there. It goes on when a shop comes back.
	if err := os.MkdirAll(filepath.Dir(sh.log), 0o755); err != nil {
		return nil, err
	}
	log, err := os.OpenFile(sh.log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	s.logs = append(s.logs, log)
	var env []string
	if s.otlp != "" {
		env = append(env, "OTEL_EXPORTER_OTLP_ENDPOINT="+s.otlp, "OTEL_BSP_SCHEDULE_DELAY=500")
	}
	if s.victoriaLogsURL != "" {
		env = append(env, "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT="+s.victoriaLogsURL+"/insert/opentelemetry/v1/logs", "OTEL_BLRP_SCHEDULE_DELAY=500")
	}
	sh.server, err = s.startServer(ctx, tool.Command{
		Name: "shop",
		Path: filepath.Join(s.programs, "shop"),
		Args: append([]string{
			"-addr", "127.0.0.1:" + ports[0], "-ops", ops, "-db", s.files.path("data/shop-" + ports[0] + ".db"),
			"-log-level", "warn", "-drain", "5s", // less than the time it is given to end
		}, args...),
		Env:     env,
		Output:  log,
		Ready:   sh.ops + "/readyz",
		EndTime: s.shopEnd,
	})
	if err != nil {
		return nil, err
	}
	if !slices.Contains(s.scraped, ops) {
		s.scraped = append(s.scraped, ops)
	}
	return sh, s.files.targets(shopTargets, s.scraped)
}

// stop ends all of it, the last that was started first.
func (s *stack) stop() error {
	var errs []error
	for i := len(s.servers) - 1; i >= 0; i-- {
		errs = append(errs, s.servers[i].stop())
	}
	s.servers = nil
	for _, log := range s.logs {
		errs = append(errs, log.Close())
	}
	s.logs = nil
	if s.receiver != nil {
		errs = append(errs, s.receiver.Close())
	}
	return errors.Join(errs...)
}
