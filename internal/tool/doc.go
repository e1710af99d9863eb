// Package tool builds and starts the servers of others that tests and examples
// run against, and builds the tools of make. Modules under tools/ pin their
// versions. The binaries are in bin/, which git ignores.
package tool
