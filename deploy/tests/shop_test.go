package tests

import (
	"regexp"
	"strings"
	"time"

	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
)

// shopImage is what the base calls the image.
const shopImage = "afterglow-shop"

// shopOf returns the container of the shop, nil if a deployment has none.
func shopOf(d *apps.Deployment) *core.Container {
	for i, c := range d.Spec.Template.Spec.Containers {
		if image, _, _ := strings.Cut(c.Image, ":"); image == shopImage {
			return &d.Spec.Template.Spec.Containers[i]
		}
	}
	return nil
}

// flagOf returns the value of a flag; "" if the container does not set it.
func flagOf(args []string, name string) string {
	for _, arg := range args {
		if value, found := strings.CutPrefix(arg, "-"+name+"="); found {
			return value
		}
	}
	return ""
}

// durationOf returns the value of a flag; otherwise if the container does not set it.
func durationOf(args []string, name string, otherwise time.Duration) time.Duration {
	if d, err := time.ParseDuration(flagOf(args, name)); err == nil {
		return d
	}
	return otherwise
}

const (
	defaultDrain = 10 * time.Second // of the shop
	// flushTime is what the last spans and the last records may take, each.
	flushTime = 2 * 2 * time.Second
	// closeTime is for the operations address, the database and the queue.
	closeTime = 3 * time.Second
	reserve   = 5 * time.Second
)

// endTime is how long a shop may take to end after SIGTERM.
func endTime(args []string) time.Duration {
	return durationOf(args, "not-ready", 0) + durationOf(args, "drain", defaultDrain) + flushTime + durationOf(args, "linger", 0) + closeTime
}

var variable = regexp.MustCompile(`\$\(([A-Za-z_][A-Za-z0-9_]*)\)`)

// expand replaces what the kubelet replaces, and lists what it does not know.
func expand(text string, values map[string]string) (expanded string, unknown []string) {
	expanded = variable.ReplaceAllStringFunc(text, func(s string) string {
		value, known := values[s[2:len(s)-1]]
		if !known {
			unknown = append(unknown, s)
		}
		return value
	})
	return expanded, unknown
}

func isWorker(d *apps.Deployment) bool {
	c := shopOf(d)
	return c != nil && flagOf(c.Args, "role") == "worker"
}

func isOfShop(p *networking.NetworkPolicy) bool {
	return p.Spec.PodSelector.MatchLabels["app.kubernetes.io/name"] == "afterglow-shop"
}
