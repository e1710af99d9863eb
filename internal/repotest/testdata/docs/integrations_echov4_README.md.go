// What the block of integrations/echov4/README.md uses.
package p

import (
	echoafter "github.com/afterglow-go/afterglow/integrations/echov4"
)

var e *echo.Echo
