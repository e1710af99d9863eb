package console

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// human writes a duration with two or three digits: 850 µs, 1.2 s, 3 min 20 s.
func human(d time.Duration) string {
	switch {
	case d < 0:
		return "0 s"
	case d == 0:
		return "0 s"
	case d < time.Microsecond:
		return strconv.FormatInt(int64(d), 10) + " ns"
	case d < time.Millisecond:
		return digits(float64(d)/float64(time.Microsecond)) + " µs"
	case d < time.Second:
		return digits(float64(d)/float64(time.Millisecond)) + " ms"
	case d < time.Minute:
		return digits(d.Seconds()) + " s"
	case d < time.Hour:
		return pair(d, time.Minute, "min", time.Second, "s")
	case d < 48*time.Hour:
		return pair(d, time.Hour, "h", time.Minute, "min")
	default:
		return pair(d, 24*time.Hour, "d", time.Hour, "h")
	}
}

func pair(d, large time.Duration, largeName string, small time.Duration, smallName string) string {
	n, rest := d/large, d%large/small
	if rest == 0 {
		return fmt.Sprintf("%d %s", n, largeName)
	}
	return fmt.Sprintf("%d %s %d %s", n, largeName, rest, smallName)
}

// digits writes a number with two digits below 10, and without a fraction above.
func digits(v float64) string {
	if v < 9.95 {
		return strings.TrimSuffix(strconv.FormatFloat(v, 'f', 1, 64), ".0")
	}
	return strconv.FormatFloat(v, 'f', 0, 64)
}

// rate writes a number of events a second.
func rate(v float64) string {
	switch {
	case v == 0:
		return "0"
	case v < .1:
		return strconv.FormatFloat(v*60, 'f', 1, 64) + "/min"
	default:
		return digits(v) + "/s"
	}
}

// percent writes a share.
func percent(v float64) string {
	switch p := 100 * v; {
	case p == 0:
		return "0 %"
	case p < .1:
		return "< 0.1 %"
	case p < 9.95:
		return digits(p) + " %"
	default:
		return strconv.FormatFloat(p, 'f', 0, 64) + " %"
	}
}

// count writes a whole number with its thousands apart.
func count[T ~int | ~uint64 | ~int64 | ~uint32](n T) string {
	s := strconv.FormatInt(int64(n), 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// things writes a number and what it counts: 1 callback, 3 callbacks.
func things[T ~int | ~uint64 | ~int64 | ~uint32](n T, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return count(n) + " " + one + "s"
}
