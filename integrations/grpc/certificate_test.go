package grpcafter_test

import (
	"crypto/tls"
	"crypto/x509"
	"net/http/httptest"
	"testing"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

func plain() credentials.TransportCredentials { return insecure.NewCredentials() }

// certified returns the credentials of a server with TLS, and of its clients.
func certified(t testing.TB) (ofServer, ofClient credentials.TransportCredentials) {
	t.Helper()
	lender := httptest.NewUnstartedServer(nil) // which has a certificate
	lender.StartTLS()
	defer lender.Close()
	known := x509.NewCertPool()
	known.AddCert(lender.Certificate())
	return credentials.NewTLS(&tls.Config{Certificates: lender.TLS.Certificates, MinVersion: tls.VersionTLS13}),
		credentials.NewTLS(&tls.Config{RootCAs: known, ServerName: "example.com", MinVersion: tls.VersionTLS13})
}
