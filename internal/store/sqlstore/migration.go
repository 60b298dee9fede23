package sqlstore

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

// migration is one step of a schema. Once released it is never changed: the
// databases that have it are known by its checksum.
type migration struct {
	version    int64
	name       string // of its file
	statements []string
	sum        string // of the statements, comments aside
}

// migrationsIn reads the files NNNNN_name.sql, lowest number first.
func migrationsIn(files fs.FS) ([]migration, error) {
	names, err := fs.Glob(files, "*.sql") // sorted
	if err != nil {
		return nil, err
	}
	all := make([]migration, len(names))
	for i, name := range names {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		number, _, _ := strings.Cut(name, "_")
		version, err := strconv.ParseInt(number, 10, 64)
		if err != nil || version != int64(i+1) {
			return nil, fmt.Errorf("migration %s does not have the number %d", name, i+1)
		}
		all[i] = newMigration(version, name, string(text))
	}
	return all, nil
}

func newMigration(version int64, name, text string) migration {
	m := migration{version: version, name: name, statements: statementsOf(text)}
	sum := sha256.Sum256([]byte(strings.Join(m.statements, ";\n")))
	m.sum = hex.EncodeToString(sum[:])
	return m
}

// statementsOf splits a text into its statements, without comments and the semicolon
// that ends each. A comment has its own line; a semicolon ends a line.
func statementsOf(text string) (all []string) {
	var current []string
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, " \t\r\n")
		if line == "" || strings.HasPrefix(strings.TrimLeft(line, " \t"), "--") {
			continue
		}
		last := strings.HasSuffix(line, ";")
		current = append(current, strings.TrimSuffix(line, ";"))
		if last {
			all = append(all, strings.Join(current, "\n"))
			current = nil
		}
	}
	if len(current) > 0 {
		all = append(all, strings.Join(current, "\n"))
	}
	return all
}

// verify compares the checksum with the one that was recorded when the migration was run.
func (m migration) verify(recorded string) error {
	if recorded == m.sum {
		return nil
	}
	return errSchema("migration %s is not the one that was run (checksum %.12s, recorded %.12s)", m.name, m.sum, recorded)
}
