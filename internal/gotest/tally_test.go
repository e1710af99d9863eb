package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func tallyOf(t *testing.T, events ...string) (out string, tl *tally) {
	t.Helper()
	var b strings.Builder
	tl = newTally(&b)
	require.NoError(t, tl.read(strings.NewReader(strings.Join(events, "\n"))))
	tl.close()
	return b.String(), tl
}

func TestAPackageThatPassesIsOneLine(t *testing.T) {
	out, tl := tallyOf(t,
		`{"Action":"start","Package":"p"}`,
		`{"Action":"run","Package":"p","Test":"TestA"}`,
		`{"Action":"output","Package":"p","Test":"TestA","Output":"=== RUN   TestA\n"}`,
		`{"Action":"output","Package":"p","Test":"TestA","Output":"chatter\n"}`,
		`{"Action":"pass","Package":"p","Test":"TestA"}`,
		`{"Action":"skip","Package":"p","Test":"TestB"}`,
		`{"Action":"output","Package":"p","Output":"PASS\n"}`,
		`{"Action":"output","Package":"p","Output":"ok  \tp\t0.1s\n"}`,
		`{"Action":"pass","Package":"p"}`,
	)
	require.Equal(t, "ok  \tp\t0.1s\n1 passed, 0 failed, 1 skipped\n", out)
	require.Zero(t, tl.failed)
}

func TestAFailedTestShowsItsOutputAndNoOthers(t *testing.T) {
	out, tl := tallyOf(t,
		`{"Action":"output","Package":"p","Test":"TestA","Output":"chatter\n"}`,
		`{"Action":"output","Package":"p","Test":"TestB","Output":"    b_test.go:7: wrong\n"}`,
		`{"Action":"pass","Package":"p","Test":"TestA"}`,
		`{"Action":"fail","Package":"p","Test":"TestB"}`,
		`{"Action":"output","Package":"p","Output":"FAIL\tp\t0.1s\n"}`,
		`{"Action":"fail","Package":"p"}`,
	)
	require.Equal(t, "    b_test.go:7: wrong\nFAIL\tp\t0.1s\n1 passed, 1 failed, 0 skipped\n", out)
	require.Equal(t, 1, tl.failed)
}

func TestAPackageThatDoesNotBuildIsAFailure(t *testing.T) {
	out, _ := tallyOf(t,
		`{"ImportPath":"p [p.test]","Action":"build-output","Output":"# p\n"}`,
		`{"ImportPath":"p [p.test]","Action":"build-output","Output":"p.go:3: undefined: x\n"}`,
		`{"ImportPath":"p [p.test]","Action":"build-fail"}`,
		`{"Action":"output","Package":"p","Output":"FAIL\tp [build failed]\n"}`,
		`{"Action":"fail","Package":"p","FailedBuild":"p [p.test]"}`,
	)
	require.Equal(t, "# p\np.go:3: undefined: x\nFAIL\tp [build failed]\n0 passed, 1 failed, 0 skipped\n", out)
}

func TestAProcessThatDiesOutsideATestShowsEverything(t *testing.T) {
	out, tl := tallyOf(t,
		`{"Action":"output","Package":"p","Test":"TestA","Output":"panic: late\n"}`,
		`{"Action":"output","Package":"p","Output":"FAIL\tp\t0.1s\n"}`,
		`{"Action":"fail","Package":"p"}`,
	)
	require.Contains(t, out, "panic: late\n")
	require.Equal(t, 1, tl.failed)
}

func TestAPackageThatNeverEndsIsAFailure(t *testing.T) {
	_, tl := tallyOf(t, `{"Action":"start","Package":"p"}`)
	require.Equal(t, 1, tl.failed)
}
