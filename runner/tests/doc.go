// Package tests holds the tests of package runner, all of them written against
// its exported API. They stand in a folder of their own because `go mod tidy`
// writes what the tests of an imported package need into the importer's
// go.sum: a program that imports only the runner shall find no third-party
// line there.
package tests
