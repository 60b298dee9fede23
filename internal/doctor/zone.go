package doctor

import (
	"os"
	"strings"
	"time"
)

// localtime is the zone where TZ is not set.
const localtime = "/etc/localtime"

// zoneOf returns in which zone times are shown, given $TZ, and why that can't be loaded.
func zoneOf(tz string) (name, problem string) {
	name = strings.TrimPrefix(tz, ":")
	switch {
	case tz == "":
		if _, err := os.Stat(localtime); err != nil {
			return "UTC (there is no " + localtime + ")", ""
		}
		if to, err := os.Readlink(localtime); err == nil {
			if _, zone, found := strings.Cut(to, "zoneinfo/"); found {
				return zone, ""
			}
		}
		return localtime, ""
	case strings.HasPrefix(name, "/"):
		data, err := os.ReadFile(name)
		if err == nil {
			_, err = time.LoadLocationFromTZData(name, data)
		}
		if err != nil {
			return name, reason(err)
		}
		return name, ""
	}
	if _, err := time.LoadLocation(name); err != nil {
		return name, reason(err)
	}
	return name, ""
}
