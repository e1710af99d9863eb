// What the blocks of this document use.
package p

var (
	engine *gin.Engine
	router chi.Router
	e      *echo.Echo
)

func status(err error) int { return http.StatusCreated }
