package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// aside bounds the callbacks that wait for something other than a worker. 0: eight times
// the queue.
type aside struct {
	reserved, held, paused int
	limits                 map[string]int // of a name's callbacks that run at once
}

// parseLimits reads the value of -limits. Its errors leave it to the caller to name the
// flag.
func parseLimits(s string) (map[string]int, error) {
	if s == "" {
		return nil, nil
	}
	limits := make(map[string]int)
	for _, part := range strings.Split(s, ",") {
		name, number, ok := strings.Cut(strings.TrimSpace(part), "=")
		if !ok {
			return nil, fmt.Errorf("%q: use NAME=NUMBER, as in order.webhook=8", part)
		}
		if !slices.Contains(callbackNames, name) {
			return nil, fmt.Errorf("%q: no callback is called %q: use one of %s", part, name, strings.Join(callbackNames, ", "))
		}
		n, err := strconv.Atoi(number)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("%q: use a positive whole number", part)
		}
		limits[name] = n
	}
	return limits, nil
}
