// Package tests checks what deploy/ has for those who run the shop, or a service like
// it: that the API takes the manifests, and that their parts fit each other and the
// program.
package tests
