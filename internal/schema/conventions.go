package schema

import semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

// conventions are the attributes whose names are not ours: those of the
// OpenTelemetry semantic conventions.
func conventions() []Name {
	return []Name{
		{Value: string(semconv.HTTPRouteKey), Meaning: "Route of the request that asked for the callback, never its path. At most 256 bytes."},
		{Value: string(semconv.HTTPRequestMethodKey), Meaning: "Its method, `_OTHER` if HTTP does not know it."},
		{Value: string(semconv.RPCSystemNameKey), Meaning: "System of an RPC that asked for the callback. An RPC has these three in place of `http.*`."},
		{Value: string(semconv.RPCMethodKey), Meaning: "Its full method, without the slash in front. At most 256 bytes."},
		{Value: string(semconv.RPCResponseStatusCodeKey), Meaning: "How it ended, as its system spells it."},
		{Value: string(semconv.CodeFunctionNameKey), Meaning: "Function that asked for the callback."},
		{Value: string(semconv.CodeFilePathKey), Meaning: "File of that call."},
		{Value: string(semconv.CodeLineNumberKey), Meaning: "Line of that call."},
		{Value: string(semconv.CodeStacktraceKey), Meaning: "Where the callback hangs: on an abandoned one, and on the event of a stuck one. At most 8,192 bytes."},
		{Value: string(semconv.ErrorTypeKey), Meaning: "What went wrong, in few different words: the outcome, or the type of the error."},
		{Value: string(semconv.ExceptionTypeKey), Meaning: "On the event: type of the error, or of what the callback panicked with."},
		{Value: string(semconv.ExceptionMessageKey), Meaning: "On the event: its text, at most 1,024 bytes."},
		{Value: string(semconv.ExceptionStacktraceKey), Meaning: "On the event of a panic: the frames of the callback, at most 8,192 bytes."},
	}
}

// exceptionEvent is the one event whose name is not ours.
func exceptionEvent() Name {
	return Name{Value: semconv.ExceptionEventName, Meaning: "On the process span, as it ends in an error or a panic."}
}
