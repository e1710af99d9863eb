// What the blocks of this section use.
package p

var router *httprouter.Router
