// What the blocks of this document use.
package p

func placeOrder(w http.ResponseWriter, r *http.Request) {}
