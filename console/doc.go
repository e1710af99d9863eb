// Package console is a live page of what runners do, in the program itself. It shows what
// runs now and where it hangs, what failed and in which line, what waits and for how long
// it will, what goroutines callbacks have left behind, and what a shutdown has lost. It
// needs the standard library only.
//
// # Usage
//
// Give each runner the console's observer, and mount the console on a server that only
// you can reach:
//
//	con, err := console.New(console.Config{})
//	…
//	after, err := runner.New(runner.Config{Observers: []runner.Observer{con.Observer()}})
//	…
//	ops.Handle("/debug/afterglow/", con)
//
// The console works at any address, behind http.StripPrefix, and behind a proxy that
// strips a prefix: all its links are relative. Keep the slash at the end of the pattern.
//
// # Who may see it
//
// The page has no login, and shows errors, stacks, references and routes. So mount it on
// an address that only you can reach, such as 127.0.0.1, or put your own authentication
// before it:
//
//	mux.Handle("/debug/afterglow/", requireAdmin(con))
//
// It changes nothing, unless [Config.Actions] is true. Then a request from another site
// is refused (see [http.CrossOriginProtection]), and the console calls [Config.OnAction] after
// each action.
//
// # Formats
//
// Every page has a plain text and a JSON form: add .txt or .json to the last part of its
// address, as in failures.txt; that of the first page is overview. curl gets text by
// itself. JSON.md in this package's directory lists the fields. The filters are in the
// address, so a page can be sent to somebody.
//
// # Cost
//
// While nobody looks, the console takes one [runner.Runner.Snapshot] of each runner a
// second, and keeps figures of half an hour. A callback that succeeds costs it one
// comparison. Each live page is made once a second for all who look at it. Reading the
// stacks of all goroutines stops the program for a moment, so the console does that only
// when somebody asks, and at most once a second.
//
// # Shutdown
//
// Live pages end by themselves when all runners have begun to shut down, and then ask
// once a second. So they do not hold up the shutdown of a server. Call [Console.Close] at
// the end, or earlier if you shut the server down without [runner.Runner.Serve]:
// srv.RegisterOnShutdown(con.Close).
package console

//go:generate go test -count=1 -run ^TestJSONIsDocumented$ . -update
