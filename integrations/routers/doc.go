// Package routers tests the runner under real web frameworks.
package routers
