// What the blocks of integrations/routers/README.md use.
package p

var (
	engine *gin.Engine
	proxy  http.Handler
)

func status(err error) int { return http.StatusCreated }
