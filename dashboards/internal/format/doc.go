// Package format writes dashboards, rules and notifications as they are loaded: files,
// objects of Kubernetes, or a mixin of jsonnet.
package format
