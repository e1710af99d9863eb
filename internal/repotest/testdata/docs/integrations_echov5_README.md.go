// What the block of integrations/echov5/README.md uses.
package p

import (
	echoafter "github.com/afterglow-go/afterglow/integrations/echov5"
	echo "github.com/labstack/echo/v5"
)

var e *echo.Echo
