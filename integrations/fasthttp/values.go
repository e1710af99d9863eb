package fasthttpafter

import (
	"bytes"
	"context"
	"strings"

	"github.com/valyala/fasthttp"
)

// WithUserValues returns ctx with a copy of the user values of c, for adapters of frameworks: see
// [Context].
func WithUserValues(ctx context.Context, c *fasthttp.RequestCtx) context.Context {
	v := &values{Context: ctx}
	c.VisitUserValuesAll(func(key, value any) {
		if _, ours := value.(*request); ours {
			return
		}
		switch part := value.(type) {
		case string:
			value = strings.Clone(part)
		case []byte:
			value = bytes.Clone(part)
		}
		if name, ok := key.(string); ok {
			key = strings.Clone(name)
		}
		v.all = append(v.all, pair{key, value})
	})
	if v.all == nil {
		return ctx
	}
	return v
}

// values is a context with the user values of a request.
type values struct {
	context.Context
	all []pair
}

type pair struct{ key, value any }

// Value implements [context.Context].
func (v *values) Value(key any) any {
	for _, p := range v.all {
		if p.key == key {
			return p.value
		}
	}
	return v.Context.Value(key)
}

// String implements [fmt.Stringer]: fmt would read what others write.
func (v *values) String() string { return "fasthttpafter.Values" }
