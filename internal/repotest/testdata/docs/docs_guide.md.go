// What the blocks of this document use.
package p

var (
	mails, reports                                             *runner.Runner
	cartID                                                     string
	deliver, mail, recount, reload, refresh, render, run, text callback
)
