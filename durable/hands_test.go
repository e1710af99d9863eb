package durable

import (
	"bytes"
	"runtime"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

// goroutine returns the number of the goroutine that calls it, as in "goroutine 7".
func goroutine() string {
	stack := make([]byte, 64)
	name, _, _ := bytes.Cut(stack[:runtime.Stack(stack, false)], []byte(" ["))
	return string(name)
}

// The bubble waits until all hands have ended, and fails if one has not.
func TestHandsAreUsedAgainUntilTheyEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHands()
		ran := make(map[string]int)
		for range 3 {
			h.run(func() { ran[goroutine()]++ })
			synctest.Wait()
		}
		require.Len(t, ran, 1, "a free hand takes the next one")

		h.run(func() { runtime.Goexit() })
		synctest.Wait()
		h.run(func() { ran[goroutine()]++ })
		synctest.Wait()
		require.Len(t, ran, 2, "Goexit has ended the first hand")

		leave := make(chan struct{})
		h.run(func() { <-leave })
		h.run(func() { <-leave })
		h.end()
		h.run(func() { ran["late"]++ })
		synctest.Wait()
		require.Equal(t, 1, ran["late"], "what comes late runs as well")
		close(leave)
	})
}
