// Package routers tests the runner with real web frameworks. README.md shows how to
// mount the Middleware in each, and CONFORMANCE.md what was shown. The package has no
// code to import; the modules beside it have.
package routers
