// Package soak holds a test that lets a bound server run at saturation for
// minutes and looks for what only time shows: goroutines and memory that
// gather, books that drift apart, responses that become slow.
//
//	make soak                  # 10 minutes
//	make soak SOAKTIME=1m      # less
//	make soak SOAKFLAGS=-soak.strict
//
// A short slice of it is among the other tests.
//
// # What runs
//
// Two servers on loopback with the same handler, which waits a few milliseconds
// as for a database and answers with a page. The handler of the busy server
// asks for three callbacks besides; the idle server's asks for none, though it
// is bound to a runner of its own. In turns of some seconds each server gets
// the same load: a steady part, which alone is more than the busy runner can
// do, a flood of three times that, and a lull. So what else goes on in the
// machine falls on both alike.
//
// Of the callbacks 5 % panic, 5 % hang (deaf to their context until two
// seconds after they count as stuck), and 5 % wait for their timeout. Others
// fail, retry, nest, end with Goexit, are gated, merged or limited, are asked for in
// twos or run by Do.
// The rest succeed. All of them wait, as for I/O: callbacks that compute take
// CPU time from the handlers like any other goroutine, which says something
// about the number of cores and nothing about the runner.
//
// The load comes from another process, the same binary started once more. Its
// goroutines, its heap and its garbage collections are not the server's, so
// what is counted in this process is what the server and the runner hold.
// It is bounded by time, by requests, and by requests under way at once.
//
// # What is required
//
// The report at the end is a table with a verdict for each line. Memory is
// judged from four minutes on, as a short run is still warming up. Response
// times are always shown but only judged with -soak.strict: the load and the
// server share their cores with each other and with whatever else the machine
// does, and a 99th percentile of a few milliseconds is the first thing to
// suffer. Run it strictly on a machine that does nothing else.
package soak
