package oratest

import (
	"math"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestNumbers(t *testing.T) {
	for _, s := range []string{
		"0", "1", "-1", "9", "10", "99", "100", "101", "-100", "12345678901234567890", "0.5", "-0.5", "0.05", "0.00001", "1.01",
		"100.001", "-99.99", "5000000", strconv.Itoa(math.MaxInt64), strconv.Itoa(math.MinInt64),
	} {
		if got := decodeNumber(encodeNumber(s)); string(got) != s {
			t.Errorf("%s became %s", s, got)
		}
	}
	// What the documents of Oracle's format say of some.
	for s, want := range map[string][]byte{
		"123":  {0xc2, 2, 24},
		"-123": {0x3d, 100, 78, 102},
		"0.05": {0xc0, 6},
	} {
		if diff := cmp.Diff(want, encodeNumber(s)); diff != "" {
			t.Errorf("%s: -want +got:\n%s", s, diff)
		}
	}
}

func TestNumbersOfAllKinds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := strconv.FormatInt(rapid.Int64().Draw(t, "n"), 10)
		if got := decodeNumber(encodeNumber(s)); string(got) != s {
			t.Fatalf("%s became %s", s, got)
		}
	})
}

func TestTimes(t *testing.T) {
	want := time.Date(2026, 12, 31, 23, 59, 59, 123456789, time.UTC)
	if got := decode(typeTimestampTZ, encode(typeTimestampTZ, want.In(time.FixedZone("", 3600)))); got != want {
		t.Errorf("got %v", got)
	}
	if got := decode(typeDate, encode(typeDate, want)); got != want.Truncate(time.Second) {
		t.Errorf("got %v", got)
	}
}
