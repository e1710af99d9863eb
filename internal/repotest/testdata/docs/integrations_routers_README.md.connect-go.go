// What the blocks of this section use.
package p

const procedure = "/shop.Orders/Place"

var routes *http.ServeMux

type message struct{}

func placeOrder(context.Context, *connect.Request[message]) (*connect.Response[message], error) {
	return nil, nil
}
