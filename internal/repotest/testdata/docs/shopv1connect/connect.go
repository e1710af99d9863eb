// Package shopv1connect stands for what connect generates for a reader's service.
package shopv1connect

import "net/http"

// NewOrdersHandler stands for the generated function.
func NewOrdersHandler(service any, options ...any) (string, http.Handler) { return "/", nil }
