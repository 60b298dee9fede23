package notify

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/executionerhq/executioner/internal/config"
)

// TestDocumentedSettings builds what docs/notifications.md shows.
func TestDocumentedSettings(t *testing.T) {
	page, err := os.ReadFile("../../docs/notifications.md")
	if err != nil {
		t.Fatal(err)
	}
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("https://example.org/t0ken\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$").FindAllSubmatch(page, -1)
	kinds := map[string]bool{}
	rules, expects := 0, 0
	for _, b := range blocks {
		text := regexp.MustCompile(`\{file: [^}]*\}`).ReplaceAll(b[1], []byte("{file: "+secret+"}"))
		path := filepath.Join(t.TempDir(), "service.yaml")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := config.Load(path, nil)
		if err != nil {
			t.Fatal(err)
		}
		built, err := Build(s.Notify, []string{"PAGERDUTY_ROUTING_KEY=k", "SLACK_URL=https://example.org/x"}, "host1")
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range s.Notify.Notifiers {
			kinds[n.Kind] = true
		}
		rules, expects = rules+len(built.Rules), expects+len(built.Expect)
		for _, r := range built.Rules {
			if r.Remind == 0 && r.Digest == 0 && r.When == nil {
				t.Errorf("rule %s says nothing", r.Name)
			}
		}
	}
	if len(kinds) != 6 || rules != 5 || expects != 2 {
		t.Errorf("%v, %d rules, %d expectations", kinds, rules, expects)
	}
}
