package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/executionerhq/executioner/internal/fault"
)

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "service.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLoad(t *testing.T) {
	file := write(t, `
listen: 0.0.0.0:443
tls: {certificate: a.pem, key: b.pem}
slots: 3
pools: {db: 2}
metrics: {file: /run/m.json, every: 1m}
public_url: HTTPS://Jobs.example.org:443/
limits: {streams: 9}
oidc: {issuer: "https://id", client_secret: {env: X}, grants: [{group: ops, role: operator, application: nightly}]}
notify:
  notifiers: {ops: {kind: slack, url: {file: /etc/url}}}
  rules: [{name: failed, when: "true", to: [ops], after: 2, remind: 1h}]
`)
	got, err := Load(file, []string{"EXECUTIONER_SLOTS=5", "EXECUTIONER_LOG_FORMAT=json", "EXECUTIONER_SOCKET="})
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.Listen, want.TLS, want.Slots = "0.0.0.0:443", TLS{"a.pem", "b.pem"}, 5
	want.Pools = map[string]int{"db": 2}
	want.Metrics.File, want.Metrics.Every = "/run/m.json", time.Minute
	want.Log.Format = "json"
	want.PublicURL, want.Limits.Streams = "https://jobs.example.org", 9
	want.OIDC = &OIDC{
		Issuer: "https://id", RedirectURL: "https://jobs.example.org/callback", ClientSecret: Secret{Env: "X"}, UserClaim: "preferred_username", GroupsClaim: "groups",
		Grants: []GroupGrant{{"ops", "operator", "nightly"}},
	}
	want.Notify = Notify{
		Notifiers: map[string]Notifier{"ops": {Kind: "slack", URL: Secret{File: "/etc/url"}}},
		Rules:     []NotifyRule{{Name: "failed", When: "true", To: []string{"ops"}, After: 2, Remind: time.Hour}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestLoadNothing(t *testing.T) {
	for _, path := range []string{"", write(t, ""), write(t, "# nothing\n")} {
		got, err := Load(path, nil)
		if d := cmp.Diff(Default(), got); d != "" || err != nil {
			t.Error(err, d)
		}
	}
}

func TestLoadWithoutAddress(t *testing.T) {
	for _, tt := range []struct {
		text    string
		environ []string
	}{{"listen: none\n", nil}, {"listen: \"\"\n", nil}, {"", []string{"EXECUTIONER_LISTEN=none"}}} {
		got, err := Load(write(t, tt.text), tt.environ)
		want := Default()
		want.Listen = ""
		if d := cmp.Diff(want, got); d != "" || err != nil {
			t.Error(tt, err, d)
		}
	}
}

// A section that sets one thing leaves the defaults of the others.
func TestLoadPart(t *testing.T) {
	got, err := Load(write(t, "metrics: {file: m}\nlimits: {per_user: 3}\nlog:\n"), nil)
	want := Default()
	want.Metrics.File, want.Limits.PerUser = "m", 3
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Error(err, d)
	}
}

func TestLoadFaults(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		environ    []string
		want       string
	}{
		{"misspelt", "slot: 3\n", nil, "service.yaml:1:1: there is no setting slot"},
		{"misspelt within", "notify:\n  rules: [{name: a}, {afer: 3}]\n", nil, "service.yaml:2:23: there is no setting notify.rules[1].afer"},
		{"doubled", "slots: 3\nslots: 4\n", nil, `service.yaml:2:1: mapping key "slots" already defined`},
		{"no YAML", "slots: [\n", nil, "service.yaml:1:8: sequence end token"},
		{"not a number", "listen: x:1\nslots: many\n", nil, "service.yaml:2:8: slots must be a whole number, not many"},
		{"half a slot", "slots: 1.5\n", nil, "service.yaml:1:8: slots must be a whole number, not 1.5"},
		{"too many slots", "slots: 99999999999999999999\n", nil, "slots must be a whole number, not 99999999999999999999"},
		{"a list of slots", "slots: [1]\n", nil, "service.yaml:1:8: slots must be a whole number"},
		{"pool of text", "pools: {db: x}\n", nil, "pools.db must be a whole number, not x"},
		{"limit of text", "limits: {per_user: x}\n", nil, "limits.per_user must be a number, not x"},
		{"no time", "metrics: {every: soon}\n", nil, "service.yaml:1:18: metrics.every must be a time, such as 30s, 5m or 12h, not soon"},
		{"a time without unit", "metrics: {every: 15}\n", nil, "metrics.every must be a time, such as 30s, 5m or 12h, not 15"},
		{"no list", "hosts: x\n", nil, "service.yaml:1:8: hosts must be a list, not x"},
		{"no section", "limits: 3\n", nil, "limits must be a section of names with values"},
		{"no section behind a pointer", "oidc: x\n", nil, "oidc must be a section of names with values"},
		{"a secret itself", "oidc: {client_secret: s3cret}\n", nil, "oidc.client_secret must be {env: NAME} or {file: PATH}, which say where the secret is"},
		{"no sections", "- a\n", nil, "service.yaml:1:1: the file must be a section of names with values"},
		{"no choice", "notify: {rules: [{each: 1}]}\n", nil, "notify.rules[0].each must be true or false, not 1"},
		{"no text", "listen: [a]\n", nil, "listen must be text"},
		{"no slots", "slots: 0\n", nil, "slots must be above 0"},
		{"no connections", "max_connections: 0\n", nil, "max_connections must be above 0"},
		{"no port", "listen: localhost\n", nil, `listen is "localhost", not host:port as in 127.0.0.1:8323`},
		{"half a certificate", "tls: {key: k}\n", nil, "tls needs both certificate and key"},
		{"format", "log: {format: xml}\n", nil, `log.format is "xml", not one of text, json, logfmt`},
		{"pool", "pools: {db: 0}\n", nil, "pools.db must be above 0"},
		{"limit", "limits: {per_user: 0}\n", nil, "limits are requests per second and must be above 0"},
		{"streams", "limits: {streams: 0}\n", nil, "limits.streams must be above 0"},
		{"no way back", "oidc: {issuer: \"https://id\"}\n", nil, "oidc.redirect_url is missing; public_url would do"},
		{"variable", "", []string{"EXECUTIONER_SLOTS=x"}, `EXECUTIONER_SLOTS is "x", not a number`},
		{"too large", strings.Repeat("#", maxSize+1), nil, "larger than 1 MiB"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Load(write(t, tt.text), tt.environ)
			if fault.CodeOf(err) != fault.InvalidConfig || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("%v, want %s", err, tt.want)
			}
		})
	}
	if _, err := Load("/nowhere/at/all", nil); fault.CodeOf(err) != fault.NotFound {
		t.Error(err)
	}
	if _, err := Load(t.TempDir(), nil); fault.CodeOf(err) != fault.InvalidConfig {
		t.Error(err)
	}
}

func TestHintNamesTheNearestSetting(t *testing.T) {
	for text, want := range map[string]string{
		"slot: 3\n": "did you mean slots? docs/operations.md lists the settings",
		"zzz: 3\n":  "docs/operations.md lists the settings",
	} {
		if _, err := Load(write(t, text), nil); fault.HintOf(err) != want {
			t.Errorf("%q: %q", text, fault.HintOf(err))
		}
	}
}

// What YAML has besides plain values still works: anchors, merging, quotes, nothing.
func TestLoadShapes(t *testing.T) {
	got, err := Load(write(t, "slots: \"3\"\npools: &p {db: 2}\nhosts:\nlisten: !!str none:1\nmetrics: {<<: {file: m}, every: \"1m\"}\n"), nil)
	want := Default()
	want.Slots, want.Listen, want.Pools = 3, "none:1", map[string]int{"db": 2}
	want.Metrics.File, want.Metrics.Every = "m", time.Minute
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Error(err, d)
	}
}

func TestSecret(t *testing.T) {
	file := write(t, "s3cret\n")
	for _, tt := range []struct {
		secret Secret
		want   string
		fault  string
	}{
		{Secret{}, "", ""},
		{Secret{Env: "A"}, "x=y", ""},
		{Secret{File: file}, "s3cret", ""},
		{Secret{Env: "B"}, "", "the variable B, which is to hold a secret, is not set"},
		{Secret{Env: "A", File: file}, "", "keep one"},
		{Secret{File: file + "x"}, "", "a secret can't be read"},
	} {
		got, err := tt.secret.Value([]string{"A=x=y", "B="})
		if got != tt.want || (err != nil) != (tt.fault != "") {
			t.Errorf("%+v: %q, %v", tt.secret, got, err)
		}
		if tt.secret.Given() != (tt.secret != Secret{}) {
			t.Errorf("%+v", tt.secret)
		}
	}
}

func TestPublicURL(t *testing.T) {
	for text, want := range map[string]string{
		"https://jobs.example.org": "https://jobs.example.org", "https://jobs.example.org:8443/": "https://jobs.example.org:8443",
		"http://LOCALHOST:80": "http://localhost", "https://[::1]:443": "https://[::1]", "http://h:443": "http://h:443", "": "",
		"jobs.example.org": "-", "https://": "-", "https:///": "-", "ftp://h": "-", "https://h/executioner": "-", "https://h?x": "-", "https://h#x": "-",
		"https://ann@h": "-", "https://ann:secret@h": "-", "https://h:": "-", "https://h:0": "-", "https://h:x": "-", "https://h:65536": "-", "//h": "-", "https://h h": "-",
	} {
		s, err := Load(write(t, "public_url: \""+text+"\"\n"), nil)
		if want == "-" {
			if fault.CodeOf(err) != fault.InvalidConfig || !strings.Contains(err.Error(), "public_url is ") {
				t.Errorf("%q: %v", text, err)
			}
		} else if err != nil || s.PublicURL != want {
			t.Errorf("%q: %q, %v", text, s.PublicURL, err)
		}
	}
}
