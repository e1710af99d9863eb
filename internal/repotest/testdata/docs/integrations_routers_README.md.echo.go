// What the blocks of this section use.
package p

// e is an Echo of version 4 or 5, whose middlewares differ in type.
var e echoes

type echoes struct{ *echo.Echo }

func (echoes) Use(...any) {}
