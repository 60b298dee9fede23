package history

import (
	"bufio"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"go.uber.org/goleak"
)

// childVariable makes the test binary a program that uses the database it names, until
// it is killed or its standard input ends.
const childVariable = "EXECUTIONER_TEST_OLD_PROGRAM"

func TestMain(m *testing.M) {
	if path := os.Getenv(childVariable); path != "" {
		oldProgram(path, os.Args[1:])
	}
	goleak.VerifyTestMain(m)
}

// oldProgram carries out statements and says when it has.
func oldProgram(path string, statements []string) {
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		panic(err)
	}
	db.SetMaxOpenConns(1)
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			panic(err)
		}
	}
	fmt.Println("ready")
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
	os.Exit(0)
}

// startOldProgram returns when the statements have been carried out. kill ends the program
// as kill -9 does.
func startOldProgram(t *testing.T, path string, statements ...string) (kill func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0], statements...)
	cmd.Env = append(os.Environ(), childVariable+"="+path)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := false
	kill = func() {
		if !ended {
			ended = true
			_ = cmd.Process.Kill()
			_ = in.Close()
			_ = cmd.Wait()
		}
	}
	t.Cleanup(kill)
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "ready\n" {
		t.Fatalf("the old program says %q: %v", line, err)
	}
	return kill
}
