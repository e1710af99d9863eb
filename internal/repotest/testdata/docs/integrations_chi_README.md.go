// What the block of integrations/chi/README.md uses.
package p

var router chi.Router
