// Package conformance tests what a server under a runner promises: nothing
// runs before the response is done, whatever the handler and the client do. Every
// callback runs once, and holds up neither a response nor another callback.
//
// # Usage
//
// The servers of net/http are ready-made; others say how they serve and what
// they promise:
//
//	func TestConformance(t *testing.T) {
//		conformance.Run(t, conformance.NetHTTP(conformance.HTTP1, true, nil), myServer)
//	}
//
// Run with -v, the test ends with a table of all cases and what was shown for
// each server.
//
// # What is measured
//
// The suite owns the listener and dials for the client, so it knows how many
// bytes the server has handed to the kernel when a callback starts, and how
// many the client has read when its response has ended. A callback that starts
// with fewer of them handed over was early. A server that promises to be exact
// must never be; for the others the table shows how often it was.
package conformance
