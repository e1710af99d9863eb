package exacth2

import (
	"net/http"
	"testing"
)

// net/http reports the end of a connection once, and no document says so.
func TestASecondReportOfTheEndIsIgnored(t *testing.T) {
	c := &connection{user: new(http.Server), wire: newWire(&script{}, ""), over: make(chan struct{})}
	c.changed(nil, http.StateClosed)
	c.changed(nil, http.StateClosed)
	<-c.over
}
