package exacth2

import (
	"net"
	"time"
)

// Conn is the server's end of an HTTP/2 connection of a server that is not net/http. The server
// reads, writes and closes it in place of the connection that it wraps, and Conn follows the
// frames. Make one with [Follow].
type Conn struct{ wire }

// Follow wraps a connection of another server of HTTP/2, such as that of gRPC, before the
// client's preface is read. nc is what the server reads frames from: of TLS, the connection
// after the handshake. As net/http and gRPC do, the server calls Read from one goroutine at a
// time, and Write from one. [Conn.Begin] and [Conn.WhenEnded] are for the adapter of the server.
func Follow(nc net.Conn) *Conn {
	return &Conn{wire{Conn: nc, followed: true, in: frames{skip: len(preface)}, streams: make(map[uint32]*stream)}}
}

// Begin notes that the handler of a stream begins, whichever it is. Then the connection remembers
// the resets of that many streams until WhenEnded is called for each, and in addition those of
// 4096 streams whose handlers have not begun. Beyond that it forgets the oldest.
func (c *Conn) Begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running++
}

// WhenEnded calls done once when the response of a stream has ended: with true when the write
// has returned that has its last frame, with false when the stream was reset, when the connection
// was closed, and when it has lasted for [MaxHold]. If it has ended already, WhenEnded calls done
// itself. The stream's handler has returned. done is quick, as the goroutine calls it that reads,
// writes or closes the connection. WhenEnded is called once for each
// call of Begin, and at most once for each stream: with 0 if the number is not known.
func (c *Conn) WhenEnded(number uint32, done func(whole bool)) {
	c.mu.Lock()
	c.running = max(0, c.running-1)
	if _, open := c.streams[number]; open {
		s := &stream{wire: &c.wire, number: number, first: done, returned: time.Now()}
		c.streams[number] = s
		c.awakeLocked()
		c.mu.Unlock()
		return
	}
	cut := c.early.take(number)
	c.mu.Unlock()
	done(!cut)
}
