// What the blocks of this section use.
package p

import (
	mux "github.com/gorilla/mux"
)

var router *mux.Router
