package tool

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// The ports that FreePorts chooses from. Systems take those of outgoing
// connections, and of listeners that ask for any, from above.
const (
	firstPort = 20000
	lastPort  = 32000
)

// FreePorts returns n different TCP ports on which nobody listens on the
// loopback address, for tools that must be told theirs. Another process might
// be faster to take one, which is rare: they are chosen at random.
func FreePorts(n int) ([]string, error) {
	ports := make([]string, 0, n)
	for range 100 * n {
		port := strconv.Itoa(firstPort + rand.IntN(lastPort-firstPort))
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", port))
		if err != nil {
			continue
		}
		defer l.Close() // held until all are found, so that they are different
		if ports = append(ports, port); len(ports) == n {
			return ports, nil
		}
	}
	return nil, fmt.Errorf("tool: no %d free ports between %d and %d", n, firstPort, lastPort)
}
