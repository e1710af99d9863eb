// What the block of integrations/fasthttp/README.md uses.
package p

func route(c *fasthttp.RequestCtx) {}
