package conformance_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/afterglow-go/afterglow/internal/conformance"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConformance(t *testing.T) {
	var servers []conformance.Server
	for _, p := range []conformance.Protocol{conformance.HTTP1, conformance.HTTP2, conformance.HTTP2Cleartext} {
		servers = append(servers, conformance.NetHTTP(p, true, nil), conformance.NetHTTP(p, false, nil))
	}
	for _, p := range []conformance.Protocol{conformance.HTTP2, conformance.HTTP2Cleartext} {
		servers = append(servers, conformance.ExactHTTP2(p, nil))
	}
	conformance.Run(t, servers...)
}
