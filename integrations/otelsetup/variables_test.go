package otelsetup_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/integrations/otelsetup"
)

// variable is one that the package follows.
type variable struct {
	name         string
	right, wrong []string
	use          string            // what the error says to use
	with         map[string]string // others that must be set for it
}

// variables are all of them but those of one signal, which are of the same kind.
func variables(t *testing.T) (all []variable) {
	certificate, key, other := certificateFiles(t)
	empty := filepath.Join(t.TempDir(), "empty.pem")
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	const exporter = "otlp, console or none"
	add := func(use string, right, wrong []string, names ...string) {
		for _, name := range names {
			all = append(all, variable{name: name, right: right, wrong: wrong, use: use})
		}
	}
	with := func(name, value string) {
		last := &all[len(all)-1]
		if last.with == nil {
			last.with = make(map[string]string)
		}
		last.with[name] = value
	}
	list := func(values ...string) []string { return values }

	truth, lies := list("true", "True", "false"), list("1", "yes", "true ")
	add("true or false", truth, lies, "OTEL_SDK_DISABLED", "OTEL_EXPORTER_OTLP_INSECURE")
	add("", list("shop", "a b"), nil, "OTEL_SERVICE_NAME")
	add("key=value pairs, separated by commas", list("a=b", "a=b%2C,c=", "a = b, c=d=e"), list("novalue", "a=b,", "=b", "a=%zz"), "OTEL_RESOURCE_ATTRIBUTES")
	add("always_on, always_off or traceidratio", list("always_on", "always_off", "traceidratio", "parentbased_always_on", "parentbased_always_off", "parentbased_traceidratio"),
		list("some", "parentbased_", "jaeger_remote"), "OTEL_TRACES_SAMPLER")
	add("a number from 0 to 1", list("0", "0.5", "1"), list("50%", "1.5", "-1", "NaN"), "OTEL_TRACES_SAMPLER_ARG") // whatever the sampler
	add("tracecontext, baggage, b3", list("tracecontext,baggage", "b3", "b3multi", "jaeger", "xray", "ottrace", "none"), list("w3c", "b3, baggage", "b3,"), "OTEL_PROPAGATORS")
	add(exporter, list("otlp", "console", "none"), list("zipkin", " none", "OTLP"), "OTEL_TRACES_EXPORTER", "OTEL_LOGS_EXPORTER")
	add("otlp, prometheus, console or none", list("otlp", "prometheus", "none"), list("statsd", "otlp,console"), "OTEL_METRICS_EXPORTER")
	with("OTEL_EXPORTER_PROMETHEUS_PORT", "0")
	add("a port", list("0"), list("65536"), "OTEL_EXPORTER_PROMETHEUS_PORT")
	with("OTEL_METRICS_EXPORTER", "prometheus")
	add("a whole number", list("0"), list("http", "-1"), "OTEL_EXPORTER_PROMETHEUS_PORT")
	with("OTEL_METRICS_EXPORTER", "prometheus")
	add("", list("127.0.0.1"), nil, "OTEL_EXPORTER_PROMETHEUS_HOST") // what cannot be bound, the exporter finds out
	with("OTEL_METRICS_EXPORTER", "prometheus")
	with("OTEL_EXPORTER_PROMETHEUS_PORT", "0")

	add("a URL with its scheme, as in http://localhost:4318", list("http://127.0.0.1:1", "https://127.0.0.1:1/otlp"),
		list("collector:4318", "http://[bad", "http://", "unix:///run/otlp", " http://127.0.0.1:1"), "OTEL_EXPORTER_OTLP_ENDPOINT")
	add("grpc or http/protobuf", list("grpc", "http/protobuf"), list("http/json", "http", "GRPC"), "OTEL_EXPORTER_OTLP_PROTOCOL")
	add("a whole number, 0 or more", list("0", "250"), list("10s", "-1", "1.5", " 1"), "OTEL_EXPORTER_OTLP_TIMEOUT")
	add("gzip or none", list("gzip", "none"), list("zstd", "GZIP", "gzip "), "OTEL_EXPORTER_OTLP_COMPRESSION")
	add("a file with certificates in PEM", list(certificate), list("missing.pem", empty, key), "OTEL_EXPORTER_OTLP_CERTIFICATE")
	with("OTEL_EXPORTER_OTLP_ENDPOINT", "https://127.0.0.1:1")
	add("it with an endpoint that begins with https", nil, list(certificate), "OTEL_EXPORTER_OTLP_CERTIFICATE")
	with("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
	add("a certificate in PEM that belongs to OTEL_EXPORTER_OTLP_CLIENT_KEY", list(certificate), list("missing.pem", empty), "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE")
	with("OTEL_EXPORTER_OTLP_ENDPOINT", "https://127.0.0.1:1")
	with("OTEL_EXPORTER_OTLP_CLIENT_KEY", key)
	add("it with an endpoint that begins with https", nil, list(certificate), "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE")
	with("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
	with("OTEL_EXPORTER_OTLP_CLIENT_KEY", key)
	add("it together with OTEL_EXPORTER_OTLP_CLIENT_KEY", nil, list(certificate), "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE")
	add("it together with OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", nil, list(key), "OTEL_EXPORTER_OTLP_CLIENT_KEY")
	add("", list(key), nil, "OTEL_EXPORTER_OTLP_CLIENT_KEY")
	with("OTEL_EXPORTER_OTLP_ENDPOINT", "https://127.0.0.1:1")
	with("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", certificate)
	add("a certificate in PEM that belongs to OTEL_EXPORTER_OTLP_CLIENT_KEY", nil, list(certificate), "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE")
	with("OTEL_EXPORTER_OTLP_CLIENT_KEY", other)

	add("cumulative", list("cumulative", "Cumulative"), list("delta", "lowmemory", "sum"), "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE")
	add("explicit_bucket_histogram", list("explicit_bucket_histogram"), list("base2_exponential_bucket_histogram", "none"), "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION")
	add("trace_based", list("trace_based"), list("always_on", "always_off", "never"), "OTEL_METRICS_EXEMPLAR_FILTER")
	add("nothing, as the registry is exported without it", list("prometheus", "none"), list("statsd", "none,"), "OTEL_METRICS_PRODUCERS")

	add("a whole number, 1 or more", list("1", "5000"), list("0", "-1", "1m", "1 "),
		"OTEL_BSP_SCHEDULE_DELAY", "OTEL_BLRP_SCHEDULE_DELAY", "OTEL_BLRP_EXPORT_TIMEOUT", "OTEL_METRIC_EXPORT_INTERVAL", "OTEL_METRIC_EXPORT_TIMEOUT")
	add("a whole number, 0 or more", list("0", "5000"), list("-1", "1m"), "OTEL_BSP_EXPORT_TIMEOUT")
	add("a whole number, 1 or more", list("1", "4096"), list("0", "-1", "many"), "OTEL_BSP_MAX_QUEUE_SIZE", "OTEL_BLRP_MAX_QUEUE_SIZE")
	add("a whole number, 1 or more", list("1", "2048"), list("0", "-1", "many"), "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE")
	add("no more than OTEL_BSP_MAX_QUEUE_SIZE, which is 64", list("64"), list("65"), "OTEL_BSP_MAX_EXPORT_BATCH_SIZE")
	with("OTEL_BSP_MAX_QUEUE_SIZE", "64")
	add("no more than OTEL_BLRP_MAX_QUEUE_SIZE, which is 2048", list("2048"), list("2049"), "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE")
	add("a whole number, -1 or more", list("-1", "0", "128"), list("-2", "none", "1e3"),
		"OTEL_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT",
		"OTEL_SPAN_EVENT_COUNT_LIMIT", "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "OTEL_SPAN_LINK_COUNT_LIMIT", "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT",
		"OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT", "OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT")
	return all
}

// certificateFiles makes a certificate, its key, and the key of another one.
func certificateFiles(t *testing.T) (certificate, key, other string) {
	dir := t.TempDir()
	write := func(name, kind string, der []byte) string {
		file := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
		return file
	}
	makeKey := func(name string) (*ecdsa.PrivateKey, string) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		require.NoError(t, err)
		der, err := x509.MarshalECPrivateKey(key)
		require.NoError(t, err)
		return key, write(name, "EC PRIVATE KEY", der)
	}
	private, key := makeKey("key.pem")
	_, other = makeKey("other.pem")
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	require.NoError(t, err)
	return write("certificate.pem", "CERTIFICATE", der), key, other
}

// set sets a variable, and what must be set for it.
func (v variable) set(t *testing.T, value string) {
	for name, value := range v.with {
		t.Setenv(name, value)
	}
	t.Setenv(v.name, value)
}

// syncBuffer takes what the exports of an earlier test may still say, too.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) Reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.buf.Reset()
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func TestWhatCanBeUsedOfTheEnvironmentStartsWithoutAWord(t *testing.T) {
	b := startBackend(t, http.StatusOK)
	for _, v := range variables(t) {
		values := v.right
		if len(v.with) == 0 && v.name != "OTEL_EXPORTER_OTLP_ENDPOINT" { // without, telemetry leaves the test
			values = append(values, "")
		}
		for _, value := range values {
			t.Run(v.name+"="+value, func(t *testing.T) {
				t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", b.URL)
				v.set(t, value)
				log := new(syncBuffer)
				s := start(t, func(c *otelsetup.Config) {
					c.FlushTime, c.ErrorLog = 100*time.Millisecond, slog.New(slog.NewTextHandler(log, nil))
				})
				_ = s.Shutdown(t.Context()) // not every backend is one
				require.NotContains(t, log.String(), v.name)
			})
		}
	}
}

func TestWhatCannotBeUsedIsAnErrorThatNamesVariableAndValueAndWhatToUse(t *testing.T) {
	for _, v := range variables(t) {
		for _, value := range v.wrong {
			t.Run(v.name+"="+value, func(t *testing.T) {
				v.set(t, value)
				_, err := otelsetup.Start(t.Context(), everything(prometheus.NewRegistry()))
				require.ErrorContains(t, err, v.name+` is "`+value+`": use `+v.use)
				require.NotContains(t, err.Error(), "\n", "once")
			})
		}
	}
}

func TestTheVariablesOfOneSignalAreReadAsThoseOfAll(t *testing.T) {
	const all = "OTEL_EXPORTER_OTLP_"
	for _, v := range variables(t) {
		suffix, ok := strings.CutPrefix(v.name, all)
		if !ok || strings.HasPrefix(suffix, "METRICS_") || len(v.with) > 0 || len(v.wrong) == 0 {
			continue
		}
		for _, signal := range []string{"TRACES_", "METRICS_", "LOGS_"} {
			t.Run(all+signal+suffix, func(t *testing.T) {
				t.Setenv(all+signal+suffix, v.wrong[0])
				_, err := otelsetup.Start(t.Context(), everything(prometheus.NewRegistry()))
				require.ErrorContains(t, err, all+signal+suffix+` is "`+v.wrong[0]+`": use `)
			})
		}
	}
}

func TestHeadersAreCheckedAndNotShown(t *testing.T) {
	for value, want := range map[string]string{
		"authorization=Basic%20x": "", "a=b,c=d=e": "", "x-api-key = s3cret": "", "a=": "",
		"s3cret":     "pair 1 has no =",
		"a=b,s3cret": "pair 2 has no =",
		"a=b,":       "pair 2 has no =",
		"=s3cret":    "pair 1 has no key",
		"a b=s3cret": "pair 1 has no key",
		"ä=s3cret":   "pair 1 has no key",
		"a=s3cret%":  "pair 1 has a % without two digits",
	} {
		for _, name := range []string{"OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_LOGS_HEADERS"} {
			t.Run(name+"="+value, func(t *testing.T) {
				t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
				t.Setenv(name, value)
				o, err := otelsetup.Start(t.Context(), everything(prometheus.NewRegistry()))
				if want == "" {
					require.NoError(t, err)
					_ = o.Shutdown(t.Context()) // nobody is there
					return
				}
				require.ErrorContains(t, err, name+", "+want)
				require.ErrorContains(t, err, "use key=value pairs, separated by commas")
				require.NotContains(t, err.Error(), "s3cret")
				require.NotContains(t, err.Error(), "\n", "once")
			})
		}
	}
}

func TestADisabledSDKReadsOnlyWhatItUses(t *testing.T) {
	t.Setenv("OTEL_SDK_DISABLED", "true")
	t.Setenv("OTEL_TRACES_SAMPLER", "some")
	t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "novalue")
	t.Setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd")
	require.Empty(t, start(t).log.String())
	t.Setenv("OTEL_PROPAGATORS", "w3c")
	_, err := otelsetup.Start(t.Context(), everything(prometheus.NewRegistry()))
	require.ErrorContains(t, err, `OTEL_PROPAGATORS is "w3c"`)
}

// Each variable that is documented is tested.
func TestEveryVariableOfTheDocumentationIsTested(t *testing.T) {
	tested := map[string]bool{"OTEL_EXPORTER_OTLP_HEADERS": true} // above
	for _, v := range variables(t) {
		tested[v.name] = true
	}
	doc, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	documented := make(map[string]bool)
	for _, name := range regexp.MustCompile(`OTEL_\w+`).FindAllString(string(doc), -1) {
		documented[name] = true
	}
	require.Equal(t, documented, tested)
}
