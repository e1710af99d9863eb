package recipes_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/examples/recipes"
	"github.com/afterglow-go/afterglow/runner"
)

func TestALoopEndsWithTheDeployAndLosesNoRound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, err := runner.New(runner.Config{Workers: 1})
		require.NoError(t, err)
		rounds, finished := 0, 0
		require.NoError(t, recipes.Every(t.Context(), r, "prices.refresh", time.Minute, func(context.Context) error {
			rounds++
			if rounds == 2 {
				panic("a bad price")
			}
			time.Sleep(5 * time.Second)
			finished++
			return errors.New("half of them")
		}))
		time.Sleep(3*time.Minute + time.Second) // within the fourth round
		report, err := r.Shutdown(t.Context())
		require.NoError(t, err, report.String())
		require.Equal(t, 4, rounds)
		require.Equal(t, 3, finished)
		for _, c := range r.Snapshot().Callbacks {
			switch c.Name {
			case "prices.refresh":
				require.Equal(t, "3 error, 1 panic", c.Outcomes.String())
			case "prices.refresh.loop":
				require.Equal(t, "1 success", c.Outcomes.String())
			}
		}
	})
}

// When the round ends, the next tick has come, and so has the deploy.
func TestARoundThatIsLateIsTheLastOneOfADeploy(t *testing.T) {
	for range 20 { // a select takes either
		synctest.Test(t, func(t *testing.T) {
			r, err := runner.New(runner.Config{Workers: 1})
			require.NoError(t, err)
			rounds := 0
			require.NoError(t, recipes.Every(t.Context(), r, "prices.refresh", time.Minute, func(context.Context) error {
				rounds++
				time.Sleep(time.Minute + time.Second/2)
				return nil
			}))
			time.Sleep(30 * time.Second)
			report, err := r.Shutdown(t.Context())
			require.NoError(t, err, report.String())
			require.Equal(t, 1, rounds)
		})
	}
}
