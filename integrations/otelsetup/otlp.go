package otelsetup

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
)

// exporter checks what says how a signal is exported.
func (e *environment) exporter(signal string) {
	upper := strings.ToUpper(signal)
	names := []string{"otlp", "console", "none"}
	if signal == Metrics {
		names = []string{"otlp", "prometheus", "console", "none"}
	}
	name := "OTEL_" + upper + "_EXPORTER"
	e.oneOf(name, names...)
	switch os.Getenv(name) {
	case "", "otlp":
		e.otlp("OTEL_EXPORTER_OTLP_")
		e.otlp("OTEL_EXPORTER_OTLP_" + upper + "_")
		e.plain("OTEL_EXPORTER_OTLP_", "OTEL_EXPORTER_OTLP_"+upper+"_")
		if signal == Metrics {
			e.only("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "cumulative", asTheyAre+"; a collector can make deltas of them")
			e.only("OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION", "explicit_bucket_histogram", asTheyAre)
		}
	case "prometheus":
		if e.number("OTEL_EXPORTER_PROMETHEUS_PORT", 0, 0) > maxPort {
			e.refuse("OTEL_EXPORTER_PROMETHEUS_PORT", os.Getenv("OTEL_EXPORTER_PROMETHEUS_PORT"), fmt.Sprintf("a port, %d at the most", maxPort))
		}
	}
}

const (
	asTheyAre = "the metrics are those of a Prometheus registry, as they are"
	maxPort   = 65535
)

// producers checks what takes the place of our metrics.
func (e *environment) producers() {
	const name = "OTEL_METRICS_PRODUCERS"
	value := os.Getenv(name)
	for producer := range strings.SplitSeq(value, ",") {
		if value != "" && producer != "prometheus" && producer != "none" {
			e.refuse(name, value, "nothing, as the registry is exported without it, or prometheus or none")
			return
		}
	}
}

// otlp checks the variables of one prefix: those of all signals, or of one.
func (e *environment) otlp(prefix string) {
	e.oneOf(prefix+"PROTOCOL", "grpc", "http/protobuf")
	e.endpoint(prefix + "ENDPOINT")
	e.number(prefix+"TIMEOUT", 0, 0)
	e.oneOf(prefix+"COMPRESSION", "gzip", "none")
	e.truth(prefix + "INSECURE")
	e.headers(prefix + "HEADERS")
	e.certificate(prefix + "CERTIFICATE")
	e.keyPair(prefix+"CLIENT_CERTIFICATE", prefix+"CLIENT_KEY")
}

// endpoint checks where to export to.
func (e *environment) endpoint(name string) {
	value := os.Getenv(name)
	if value == "" {
		return
	}
	u, err := url.Parse(value)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		e.refuse(name, value, "a URL with its scheme, as in http://localhost:4318")
	}
}

// plain checks that nothing is wanted of TLS where the endpoint has none. The second
// prefix is that of the signal, and goes first.
func (e *environment) plain(all, signal string) {
	endpoint := cmp.Or(os.Getenv(signal+"ENDPOINT"), os.Getenv(all+"ENDPOINT"))
	if !strings.HasPrefix(endpoint, "http:") {
		return
	}
	for _, prefix := range []string{all, signal} {
		for _, name := range []string{prefix + "CERTIFICATE", prefix + "CLIENT_CERTIFICATE"} {
			if file := os.Getenv(name); file != "" {
				e.refuse(name, file, fmt.Sprintf("it with an endpoint that begins with https, which %q does not", endpoint))
			}
		}
	}
}

// headers checks what is sent along. What is wrong with a value may be that it is
// all of a secret, so none is shown.
func (e *environment) headers(name string) {
	e.pairs(name, isToken, func(number int, what string) {
		e.mistake(fmt.Errorf("%s, pair %d %s (it is not shown, as it may be a secret): use key=value pairs, separated by commas, %%25 for %% and %%2C for a comma, as in authorization=Basic%%20x", name, number, what))
	})
}

// isToken reports whether s can be the name of a header.
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(c rune) bool {
		isAlphanumeric := c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
		return !isAlphanumeric && !strings.ContainsRune("!#$%&'*+-.^_`|~", c)
	})
}

// certificate checks the file by which a server is trusted.
func (e *environment) certificate(name string) {
	file := os.Getenv(name)
	if file == "" {
		return
	}
	pem, err := os.ReadFile(file)
	if err == nil && !x509.NewCertPool().AppendCertsFromPEM(pem) {
		err = errors.New("there is none in it")
	}
	if err != nil {
		e.refuse(name, file, "a file with certificates in PEM: "+err.Error())
	}
}

// keyPair checks the files by which a server trusts this program. One without the
// other would be left out.
func (e *environment) keyPair(certificate, key string) {
	certificateFile, keyFile := os.Getenv(certificate), os.Getenv(key)
	switch {
	case certificateFile == "" && keyFile == "":
	case keyFile == "":
		e.refuse(certificate, certificateFile, "it together with "+key)
	case certificateFile == "":
		e.refuse(key, keyFile, "it together with "+certificate)
	default:
		if _, err := tls.LoadX509KeyPair(certificateFile, keyFile); err != nil {
			e.refuse(certificate, certificateFile, fmt.Sprintf("a certificate in PEM that belongs to %s, which is %q: %v", key, keyFile, err))
		}
	}
}
