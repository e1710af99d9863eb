// Package histogram counts durations in classic and native Prometheus buckets
// at once.
//
// # Usage
//
// A [Layout] divides all durations into cells, so that each bucket of either
// kind consists of whole cells. Make one layout for all histograms that have the
// same bounds. A [Histogram] has one counter a cell, and an observation is two
// additions. A [Snapshot] is a copy of the counters, and everything that it
// reports follows from this one copy: the buckets of both kinds, their count and
// the quantiles. So they always agree.
//
// # Concurrency
//
// A Histogram is not safe for concurrent use. It belongs to an owner that calls
// it under a mutex. [Histogram.Snapshot] only copies memory, so that the owner
// holds the mutex for a short time. A Layout and a Snapshot never change, and
// several goroutines may use them.
//
// # Memory
//
// Counters are kept in blocks of 16 neighboring cells, and a histogram allocates
// a block when it first needs one of them. The durations of one callback are
// near each other, so that it needs a few of about 32 blocks.
package histogram
