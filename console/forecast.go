package console

import (
	"math"
	"time"
)

// A forecast is made only if it is worth something: from enough points, along a line that
// really rises, and not much further ahead than the points reach back.
const (
	forecastRange  = time.Minute
	forecastPoints = 30
	forecastReach  = 3   // times forecastRange
	forecastFit    = .7  // least share of the variance that the line explains
	forecastErrors = 3.0 // standard errors that the slope must be above 0
	forecastLevel  = .25 // least share of the places that are taken
)

// line is a straight line through points, by least squares.
type line struct {
	slope     float64 // a second
	end       float64 // its value at the last point
	fit       float64 // share of the variance that it explains
	slopeErr  float64 // standard error of slope
	n         int
	timeRange float64 // seconds between the first and the last point
}

// fitLine fits a line to values at times in seconds.
func fitLine(times, values []float64) line {
	n := float64(len(times))
	if len(times) < 3 {
		return line{n: len(times)}
	}
	var meanT, meanV float64
	for i := range times {
		meanT += times[i] / n
		meanV += values[i] / n
	}
	var tt, tv, vv float64
	for i := range times {
		dt, dv := times[i]-meanT, values[i]-meanV
		tt, tv, vv = tt+dt*dt, tv+dt*dv, vv+dv*dv
	}
	l := line{n: len(times), timeRange: times[len(times)-1] - times[0]}
	if tt == 0 {
		return l
	}
	l.slope = tv / tt
	l.end = meanV + l.slope*(times[len(times)-1]-meanT)
	if vv > 0 {
		rest := max(vv-l.slope*tv, 0)
		l.fit = 1 - rest/vv
		l.slopeErr = math.Sqrt(rest / (n - 2) / tt)
	}
	return l
}

// depthLine fits a line to the depth of the queue within a window.
func (s *source) depthLine(window time.Duration) line {
	var times, values []float64
	for i := 0; i < s.points.len(); i++ {
		if p := s.points.at(i); s.at-p.at <= window {
			times, values = append(times, p.at.Seconds()), append(values, float64(p.depth))
		}
	}
	return fitLine(times, values)
}

// forecast returns in what time the queue will be full, if that can be said.
func (s *source) forecast() (full time.Duration, ok bool) {
	if s.now == nil || s.now.Capacity == 0 || s.now.Closed {
		return 0, false
	}
	capacity := float64(s.now.Capacity)
	depth := float64(s.now.Depth)
	if depth < forecastLevel*capacity || depth >= capacity {
		return 0, false
	}
	l := s.depthLine(forecastRange)
	return l.reach(depth, capacity)
}

// reach returns when the line is at a value that it has not reached yet, if that can be
// said.
func (l line) reach(now, value float64) (time.Duration, bool) {
	if l.n < forecastPoints || l.slope <= 0 || l.fit < forecastFit || l.slope < forecastErrors*l.slopeErr {
		return 0, false
	}
	seconds := (value - now) / l.slope
	if seconds > forecastReach*l.timeRange {
		return 0, false
	}
	return time.Duration(seconds * float64(time.Second)), true
}

// about rounds a forecast to what it is worth: one digit, or a half.
func about(d time.Duration) string {
	for _, step := range []time.Duration{time.Second, 5 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute} {
		if d < 10*step {
			return human(max(d.Round(step), step))
		}
	}
	return human(d.Round(5 * time.Minute))
}
