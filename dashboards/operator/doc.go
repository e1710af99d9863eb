// Package operator has tests only: what the generator of package dashboards writes for
// Kubernetes is read strictly by the types of Prometheus' operator and of Kubernetes, and
// a jsonnet evaluates the mixin. It is a module of its own, so that nobody who imports
// dashboards gets what these require.
package operator
