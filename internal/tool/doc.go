// Package tool builds and starts the servers of others that tests and examples
// run against. Each family of them is a module under tools/ whose go.mod pins
// the versions; what is built is kept in bin/, which git ignores.
package tool
