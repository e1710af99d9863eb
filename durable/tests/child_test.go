package durable_test

// childEnv makes the test binary a process of its own, for tests that kill it.
const childEnv = "AFTERGLOW_DURABLE_CHILD"

func child(string) int { return 2 }
