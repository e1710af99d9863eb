// Package tests holds the tests of package exacth2. They stand in a folder of their own for
// the reason that those of the runner do: what they need must not get into the go.sum of a
// program that imports only the package.
//
// Their client speaks HTTP/2 by itself (peer_test.go), so that it can do what no good client
// does. It knows how many bytes of the connection the server must have written when a response
// has ended, also under TLS (records_test.go). The server counts the bytes below TLS. A
// callback that starts when fewer have been written was early. None of this looks into the
// package.
package tests
