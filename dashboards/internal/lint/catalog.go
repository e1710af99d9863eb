package lint

import (
	"strings"

	dto "github.com/prometheus/client_model/go"
)

// Catalog is what is exposed: the type of each metric, by the family's name.
type Catalog map[string]dto.MetricType

// NewCatalog lists what a registry has gathered.
func NewCatalog(families []*dto.MetricFamily) Catalog {
	c := make(Catalog)
	for _, f := range families {
		c[f.GetName()] = f.GetType()
	}
	return c
}

// family returns the family that a series' name belongs to, and whether the
// series is a counter.
func (c Catalog) family(series string) (name string, counter, ok bool) {
	if t, ok := c[series]; ok {
		return series, t == dto.MetricType_COUNTER, true
	}
	for _, suffix := range []string{"_bucket", "_sum", "_count"} {
		base, cut := strings.CutSuffix(series, suffix)
		if t, ok := c[base]; cut && ok && (t == dto.MetricType_HISTOGRAM || t == dto.MetricType_SUMMARY && suffix != "_bucket") {
			return base, true, true
		}
	}
	return series, false, false
}
