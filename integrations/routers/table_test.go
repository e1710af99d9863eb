package routers

import (
	"net/http"
	"strconv"
	"testing"

	"github.com/afterglow-go/afterglow/internal/conformance"
)

// routerCase is about what a framework does around the Middleware, and within it.
type routerCase struct {
	name  string
	lacks func(f framework, at mounting) (why string) // nil: it is for all
	run   func(t *testing.T, f framework, at mounting)
}

var routerCases = []routerCase{
	{"errors and unknown routes are answered as without the runner", nil, answersAsWithout},
	{"recovery inside of Middleware answers a panic", recoveryInside, func(t *testing.T, f framework, at mounting) { recovers(t, f, at, true) }},
	{"recovery outside of Middleware answers a panic", recoveryOutside, func(t *testing.T, f framework, at mounting) { recovers(t, f, at, false) }},
	{"the framework's own context leads to the scope", nil, ownContext},
	{"the route's pattern reaches the callback", nil, namesRoute},
	{"a middleware in between copies the request", nil, copiesRequest},
	{"no otelhttp: the span has no link", nil, func(t *testing.T, f framework, at mounting) { links(t, f, at, false, false) }},
	{"otelhttp around: the link is to its span", nil, func(t *testing.T, f framework, at mounting) { links(t, f, at, true, false) }},
	{"otelhttp within: the link is to its span", nil, func(t *testing.T, f framework, at mounting) { links(t, f, at, false, true) }},
	{"otelhttp around and within: the link is to the inner span", nil, func(t *testing.T, f framework, at mounting) { links(t, f, at, true, true) }},
	{"under load each callback sees its own request", nil, underLoad},
}

// runRouterCases holds each framework to each case, in both mountings.
func runRouterCases(t *testing.T) (conformance.Table, reasons) {
	head := []string{"case"}
	for _, f := range frameworks() {
		for _, at := range mountings {
			head = append(head, f.name+", "+string(at))
		}
	}
	table, left := conformance.Table{head}, make(reasons)
	for _, c := range routerCases {
		row := []string{c.name}
		for _, f := range frameworks() {
			for _, at := range mountings {
				why := ""
				if c.lacks != nil {
					why = c.lacks(f, at)
				}
				if why != "" {
					left.add(c.name, why, f.name+", "+string(at))
					row = append(row, leftOut)
					continue
				}
				ran := false
				ok := t.Run(c.name+"/"+f.name+"/"+string(at), func(t *testing.T) {
					ran = true
					c.run(t, f, at)
				})
				switch {
				case !ran:
					row = append(row, "")
				case ok:
					row = append(row, "ok")
				default:
					row = append(row, "FAILED")
				}
			}
		}
		table = append(table, row)
	}
	return table, left
}

const leftOut = "left out"

func recoveryInside(f framework, at mounting) string {
	switch {
	case f.recovery == recoversNever:
		return "it has no recovery of its own"
	case f.recovery == recoversAsEngine && at == within:
		return "its recovery is around all handlers"
	}
	return ""
}

func recoveryOutside(f framework, at mounting) string {
	switch {
	case f.recovery == recoversNever:
		return "it has no recovery of its own"
	case f.recovery == recoversInside:
		return "its recovery is directly around the handler"
	case at == around && f.recoverer == nil:
		return "nothing of a framework is outside of what is around it"
	}
	return ""
}

// placeByID answers an order whose id is a status with that status.
func placeByID(v visit) error {
	if status, err := strconv.Atoi(v.id); err == nil && status >= http.StatusBadRequest {
		return refusal(status)
	}
	return nil
}
