// What the blocks of all documents may use without a declaration. A document's own file goes first.
package p

var (
	ctx context.Context
	err error

	after *runner.Runner
	srv   *http.Server
	id    string
	w     http.ResponseWriter
	r     *http.Request
	mux   *http.ServeMux

	listener net.Listener
	queue    *sqlite.Queue
)

type callback = func(context.Context) error

func sendMail(ctx context.Context, id string) error { return ctx.Err() }
