package sqlstore

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/store/storetest"
	"github.com/executionerhq/executioner/internal/store/storetest/oratest"
	"github.com/executionerhq/executioner/internal/store/storetest/oratest/oralint"
)

// TestOracle runs everything that needs the stand-in, which takes a second or two to start.
func TestOracle(t *testing.T) {
	s := oratest.Start(t)
	t.Run("oracle stand-in", func(t *testing.T) {
		storetest.Run(t, func(t *testing.T, now func() time.Time) store.Store {
			return openOracleTest(t, s.DSN(), Config{Now: now})
		})
	})
	var texts []string
	t.Run("texts", func(t *testing.T) {
		texts = s.Texts()
		for _, q := range rareStatements {
			texts = append(texts, planOracle(q).text)
		}
		slices.Sort(texts)
		texts = slices.Compact(texts)
		checkLint(t, texts)
		checkGrammar(t, texts)
	})
	for _, c := range []struct {
		name string
		test func(*testing.T, *oratest.Server)
	}{
		{"cut commits", testOracleCut},
		{"cut while reading", testOracleCutReading},
		{"killed connections", testOracleKilled},
		{"no statement is repeated", testOracleNotRepeated},
		{"rows go as arrays", testOracleArrays},
		{"interrupted migrations", testOracleInterrupted},
		{"old runs are found by time", testOracleBlocks},
		{"schemas that are refused", testOracleSchemas},
		{"addresses that are refused", testOracleRefused},
		{"server is down", testOracleDown},
		{"cancelled while reading", testOracleCancelled},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, s) })
	}
	for name, test := range onAnyOracle {
		t.Run(name, func(t *testing.T) { test(t, s.DSN()) })
	}
	t.Run("emptied", func(t *testing.T) { testEmptyOracle(t, s.DSN()) })
	t.Run("texts of failures", func(t *testing.T) {
		more := slices.DeleteFunc(s.Texts(), func(text string) bool { return slices.Contains(texts, text) })
		checkLint(t, more)
	})
}

// onAnyOracle are the tests besides the suite that need only an empty schema.
var onAnyOracle = map[string]func(t *testing.T, dsn string){
	"several programs migrate":  testOracleMigrations,
	"copied from and to others": testCopies,
	"statement takes too long":  testOracleSlow,
	"texts that are too long":   testOracleTooLong,
	"long texts among others":   testOracleLong,
	"reads see one moment":      testOracleMoment,
}

// rareStatements are those that only a failure makes necessary.
var rareStatements = []string{selectSeq + " FOR UPDATE", selectMark}

func openOracleTest(t *testing.T, dsn string, cfg Config) *Store {
	t.Helper()
	cfg, err := cfg.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	s, err := openOracle(t.Context(), dsn, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

// checkLint looks at texts that were sent to the stand-in.
func checkLint(t *testing.T, texts []string) {
	lobs := oralint.LOBs(texts)
	for _, text := range texts {
		if found := oralint.Check(text, lobs); found != nil {
			t.Errorf("%s\n\t%s", text, strings.Join(found, "\n\t"))
		}
	}
}

// checkGrammar wants each text to have passed the grammar when that was last run.
func checkGrammar(t *testing.T, texts []string) {
	if path := os.Getenv("EXECUTIONER_ORACLE_TEXTS"); path != "" { // see scripts/oracle-grammar
		writeTexts(t, path, texts)
		return
	}
	parsed := parsedTexts(t)
	for _, text := range texts {
		sum := sha256.Sum256([]byte(text))
		if !parsed[hex.EncodeToString(sum[:])] {
			t.Errorf("not in oracle/grammar.txt, run make oracle-grammar: %s", text)
		}
	}
}

func writeTexts(t *testing.T, path string, texts []string) {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	for _, text := range texts {
		if err := e.Encode(text); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
}

// parsedTexts returns the hashes of the texts that passed the grammar.
func parsedTexts(t *testing.T) map[string]bool {
	f, err := os.Open("oracle/grammar.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all := map[string]bool{}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		hash, _, _ := strings.Cut(lines.Text(), " ")
		all[hash] = true
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}
