package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPercentilesAreSamplesThatWereTaken(t *testing.T) {
	var hundred samples
	for i := 100; i >= 1; i-- {
		hundred = append(hundred, time.Duration(i))
	}
	require.Equal(t, []time.Duration{1, 50, 90, 99, 100, 100}, hundred.percentiles(0, 0.5, 0.9, 0.99, 0.999, 1))
}

func TestTheMedianOfTwoIsTheLowerOne(t *testing.T) {
	require.Equal(t, []time.Duration{3, 7}, samples{7, 3}.percentiles(0.5, 0.51))
}

func TestNoSamplesGiveZeros(t *testing.T) {
	require.Equal(t, []time.Duration{0, 0}, samples(nil).percentiles(0.5, 1))
}

func TestLoadIsSentToThisMachineOnly(t *testing.T) {
	for _, ok := range []string{"http://127.0.0.1:8080", "http://127.8.9.1", "http://[::1]:8080/", "http://localhost:1"} {
		_, err := parseLoopback(ok)
		require.NoError(t, err, ok)
	}
	for _, bad := range []string{"http://example.com", "http://10.0.0.1:80", "http://0.0.0.0", "127.0.0.1:8080", "ftp://localhost", "http://localhost.example.com"} {
		_, err := parseLoopback(bad)
		require.Error(t, err, bad)
	}
}
