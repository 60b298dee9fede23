package docs

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/config"
)

var settingsFile = regexp.MustCompile("(?ms)^<!-- settings -->\n```yaml\n(.*?)^```$")

// TestSettingsAreDocumented compares the tables with what a file of settings may have, and
// their defaults with those of the program.
func TestSettingsAreDocumented(t *testing.T) {
	part := section(t, read(t, "operations.md"), "Settings of a service")
	leaves := settings(reflect.TypeFor[config.Settings](), "")
	defaults := map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\| ([^|]+) \\|").FindAllStringSubmatch(part, -1) {
		if defaults[m[1]] != "" {
			t.Errorf("%s has two rows", m[1])
		}
		defaults[m[1]] = m[2]
		if !slices.Contains(leaves, m[1]) && !slices.Contains(leaves, m[1]+"[]") {
			t.Errorf("%s is documented, but there is no such setting", m[1])
		}
	}
	for _, name := range leaves {
		if defaults[name] == "" && defaults[strings.TrimSuffix(name, "[]")] == "" {
			t.Errorf("there is no row for %s", name)
		}
	}
	for name, want := range scalars(reflect.ValueOf(config.Default()), "") {
		if name != "slots" && defaults[name] != "`"+want+"`" { // it differs from host to host
			t.Errorf("the default of %s is %s, the table says %s", name, want, defaults[name])
		}
	}
}

// TestSettingsOfTheExampleWork loads the example, which must set everything.
func TestSettingsOfTheExampleWork(t *testing.T) {
	m := settingsFile.FindStringSubmatch(read(t, "operations.md"))
	if m == nil {
		t.Fatal("there is no example of settings")
	}
	path := filepath.Join(t.TempDir(), "service.yaml")
	if err := os.WriteFile(path, []byte(m[1]), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := config.Load(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	set := scalars(reflect.ValueOf(got), "")
	for _, name := range settings(reflect.TypeFor[config.Settings](), "") {
		if set[name] == "" {
			t.Errorf("the example does not set %s", name)
		}
	}
}

func TestVariablesOfSettingsAreDocumented(t *testing.T) {
	page := read(t, "operations.md")
	part := section(t, page, "Settings of a service")
	all := section(t, page, "Environment variables")
	source := read(t, "../internal/config/environ.go")
	names := regexp.MustCompile(`"(EXECUTIONER_\w+)"`).FindAllStringSubmatch(source, -1)
	if len(names) == 0 {
		t.Fatal("no variable was found")
	}
	for _, m := range names {
		if !strings.Contains(part, "`"+m[1]+"`") || !strings.Contains(all, "`"+m[1]+"`") {
			t.Errorf("operations.md does not name the variable %s twice", m[1])
		}
	}
}

// settings returns the names of all settings of a type: NAME stands for a key that is
// chosen, [] for the members of a list.
func settings(t reflect.Type, name string) []string {
	switch {
	case t.Kind() == reflect.Pointer:
		return settings(t.Elem(), name)
	case t.Kind() == reflect.Map:
		return settings(t.Elem(), name+".NAME")
	case t.Kind() == reflect.Slice:
		return settings(t.Elem(), name+"[]")
	case t.Kind() != reflect.Struct || t == reflect.TypeFor[config.Secret]():
		return []string{name}
	}
	var all []string
	for f := range t.Fields() {
		all = append(all, settings(f.Type, strings.TrimPrefix(name+"."+f.Tag.Get("yaml"), "."))...)
	}
	return all
}

// scalars returns the values that are set, under the names that settings gives them.
func scalars(v reflect.Value, name string) map[string]string {
	all := map[string]string{}
	add := func(v reflect.Value, name string) {
		for n, text := range scalars(v, name) {
			all[n] = text
		}
	}
	switch {
	case v.IsZero():
	case v.Kind() == reflect.Pointer:
		add(v.Elem(), name)
	case v.Kind() == reflect.Map:
		for _, key := range v.MapKeys() {
			add(v.MapIndex(key), name+".NAME")
		}
	case v.Kind() == reflect.Slice:
		for i := range v.Len() {
			add(v.Index(i), name+"[]")
		}
	case v.Kind() == reflect.Struct && v.Type() != reflect.TypeFor[config.Secret]():
		for i := range v.NumField() {
			add(v.Field(i), strings.TrimPrefix(name+"."+v.Type().Field(i).Tag.Get("yaml"), "."))
		}
	default:
		all[name] = plain(v.Interface())
	}
	return all
}

func plain(v any) string {
	if d, ok := v.(time.Duration); ok {
		return strings.TrimSuffix(d.String(), "m0s")
	}
	return fmt.Sprint(v)
}
