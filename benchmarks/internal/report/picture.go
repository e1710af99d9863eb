package report

// Picture is an SVG.
func (r Results) Picture() string { return "" }
