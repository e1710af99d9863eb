package grpcafter

import (
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// broken accepts connections on which nothing can be written.
type broken struct {
	net.Listener
	closed chan struct{} // has one for each that was closed
}

func (b broken) Accept() (net.Conn, error) {
	nc, err := b.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &mute{nc, b.closed}, nil
}

type mute struct {
	net.Conn
	closed chan<- struct{}
}

func (m *mute) Write([]byte) (int, error) { return 0, net.ErrClosed }

func (m *mute) Close() error {
	m.closed <- struct{}{}
	return m.Conn.Close()
}

// Without a buffer, grpc writes its settings before it has a transport to close.
func TestAConnectionWhoseSettingsCannotBeWrittenIsForgotten(t *testing.T) {
	for name, buffer := range map[string]int{"no buffer": 0, "a buffer": 32 << 10} {
		t.Run(name, func(t *testing.T) {
			known := new(connections)
			srv := grpc.NewServer(grpc.Creds(&followed{insecure.NewCredentials(), known}), grpc.WriteBufferSize(buffer))
			ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
			require.NoError(t, err)
			b := broken{ln, make(chan struct{}, 10)}
			served := make(chan error, 1)
			go func() { served <- srv.Serve(b) }()
			nc, err := new(net.Dialer).DialContext(t.Context(), "tcp", ln.Addr().String())
			require.NoError(t, err)
			_, err = nc.Write([]byte("a bogus greeting, as long as the preface"))
			require.NoError(t, err)
			select {
			case <-b.closed:
			case <-time.After(30 * time.Second):
				require.Fail(t, "the connection is open")
			}
			srv.Stop() // waits for what serves the connection
			require.NoError(t, <-served)
			require.NoError(t, nc.Close())
			known.byAddr.Range(func(addr, _ any) bool {
				t.Errorf("%v is kept", addr)
				return true
			})
		})
	}
}
