package workflow

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
)

// spelled reports whether a quantity is written with its unit. A number in quotes is
// not: it was never read as one, and the message about it says so.
func (d *decoder) spelled(f field) bool {
	if d.kind(f.value) != stringNode {
		return false
	}
	_, err := strconv.ParseFloat(strings.TrimSpace(d.text(f.value)), 64)
	return err != nil
}

// duration reads a text such as 1h30m.
func (d *decoder) duration(f field, least time.Duration, into *time.Duration) {
	text := d.text(f.value)
	v, err := ParseDuration(text)
	switch {
	case err != nil:
		d.wrong(f, "write seconds as a number, or a duration such as 90s, 1h30m or 2d", "must be a duration, not %s", quote(text))
	case v < least || v > maxSeconds*time.Second:
		d.wrong(f, "", "must be above 0 and at most %d seconds, not %s", maxSeconds, quote(text))
	default:
		*into = v
	}
}

// bytes reads a number of bytes: a whole number, or a text such as 512MiB.
func (d *decoder) bytes(f field, low, high int64) (int64, bool) {
	if !d.spelled(f) {
		return d.integer(f, low, high)
	}
	text := d.text(f.value)
	v, err := ParseSize(text)
	if err != nil {
		d.wrong(f, "write bytes as a number, or a size such as 512KiB, 64MiB or 1GB", "must be a size, not %s", quote(text))
		return 0, false
	}
	if v < low || v > high {
		d.wrong(f, "", "must be from %d to %d bytes, not %s", low, high, quote(text))
		return 0, false
	}
	return v, true
}

var errNoDuration = errors.New("not a duration")

// ParseDuration reads a duration as workflow files and command lines spell it: numbers
// with the units d (24 hours), h, m, s and ms, such as 1h30m or 1d12h. It has no sign.
func ParseDuration(text string) (time.Duration, error) {
	days, rest, found := strings.Cut(text, "d")
	if !found {
		days, rest = "", text
	}
	if text == "" || strings.ContainsAny(text, "+-µnu") {
		return 0, errNoDuration
	}
	var total time.Duration
	if days != "" {
		n, err := strconv.ParseFloat(days, 64)
		if err != nil || n > maxSeconds/86400 {
			return 0, errNoDuration
		}
		total = time.Duration(n * float64(24*time.Hour))
	}
	if rest == "" && days != "" {
		return total, nil
	}
	v, err := time.ParseDuration(rest)
	if err != nil {
		return 0, errNoDuration
	}
	return total + v, nil
}

// ParseSize reads a number of bytes with its unit: KiB, MiB, GiB and TiB count by 1024,
// KB, MB, GB and TB by 1000.
func ParseSize(text string) (int64, error) {
	n, err := humanize.ParseBytes(text)
	if err != nil || n > 1<<62 {
		return 0, fmt.Errorf("%s is not a size", quote(text))
	}
	return int64(n), nil
}
