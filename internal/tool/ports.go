package tool

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
)

// The ports that FreePorts chooses from. Systems take those of outgoing
// connections, and of listeners that ask for any, from above.
const (
	firstPort = 20000
	lastPort  = 32000
)

// given are the ports that FreePorts has returned. What shall listen there may
// not do so yet.
var given sync.Map // port -> nothing

// FreePorts returns n different TCP ports on which nobody listens on the
// loopback address, for tools that must be told theirs. This process gets each
// of them only once. Another process might be faster to take one, which is rare:
// they are chosen at random.
func FreePorts(n int) ([]string, error) {
	ports := make([]string, 0, n)
	for range 100 * n {
		port := strconv.Itoa(firstPort + rand.IntN(lastPort-firstPort))
		if _, taken := given.LoadOrStore(port, nil); taken {
			continue
		}
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", port))
		if err != nil {
			continue
		}
		l.Close()
		if ports = append(ports, port); len(ports) == n {
			return ports, nil
		}
	}
	return nil, fmt.Errorf("tool: no %d free ports between %d and %d", n, firstPort, lastPort)
}
