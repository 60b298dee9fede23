package mask

import (
	"bytes"
	"encoding/base64"
	"errors"
	"net/url"
	"strings"
	"testing"
)

func TestSecretName(t *testing.T) {
	for name, want := range map[string]bool{
		"PASSWORD": true, "db_password": true, "Passwd": true, "CLIENT_SECRET": true, "GITHUB_TOKEN": true,
		"API_KEY": true, "AWS_CREDENTIALS": true, "DB_PWD": true, "MYSQLPWD": true, "sshpwd": true,
		"PWD": false, "OLDPWD": false, "oldpwd": false, "PATH": false, "HOME": false, "USER": false,
		"PWD_DIR": false, "PASS": false, "": false,
	} {
		if got := SecretName(name); got != want {
			t.Errorf("SecretName(%q) = %v, want %v", name, got, want)
		}
	}
}

func TestString(t *testing.T) {
	const pem = "-----BEGIN KEY-----\nMIIEabcd/efgh+\n  indented\nx\n-----END KEY-----\n"
	tests := []struct {
		name    string
		secrets []string
		in      string
		want    string
	}{
		{"nothing to hide", nil, "hunter22", "hunter22"},
		{"too short to look for", []string{"abc", ""}, "abc", "abc"},
		{"whole text", []string{"hunter22"}, "hunter22", "***"},
		{"inside", []string{"hunter22"}, "a hunter22 b hunter22", "a *** b ***"},
		{"four bytes", []string{"a1b2"}, "xa1b2x a1b", "x***x a1b"},
		{"adjacent", []string{"hunter22"}, "hunter22hunter22", "******"},
		{"almost", []string{"hunter22"}, "hunter2 hunter23 unter22", "hunter2 hunter23 unter22"},
		{"one inside the other", []string{"open", "open sesame"}, "open sesame, open", "***, ***"},
		{"overlapping", []string{"abcdef", "defghi"}, "-abcdefghi-abcdef-defghi-", "-***-***-***-"},
		{"overlapping itself", []string{"abab"}, "ababab abababa", "*** ***a"},
		{"binary", []string{"\x00\xff\x01\xfe"}, "a\x00\xff\x01\xfeb", "a***b"},
		{"space around", []string{" hunter22\n"}, "[hunter22]", "[***]"},
		{"several lines", []string{pem}, "got MIIEabcd/efgh+ and " + pem, "got *** and ***\n"},
		{"indented line", []string{pem}, "<indented>\nx", "<***>\nx"},
		{"url query", []string{"p@ss w/rd"}, "u=p%40ss+w%2Frd&v", "u=***&v"},
		{"url path", []string{"p@ss w/rd"}, "http://h/p@ss%20w%2Frd", "http://h/***"},
		{"url lower case", []string{"p@ss w/rd"}, "u=p%40ss+w%2frd&v", "u=***&v"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := New(tt.secrets)
			if got := m.String(tt.in); got != tt.want {
				t.Errorf("String(%q) = %q, want %q", tt.in, got, tt.want)
			}
			if got := string(m.Bytes([]byte(tt.in))); got != tt.want {
				t.Errorf("Bytes(%q) = %q, want %q", tt.in, got, tt.want)
			}
			if got := stream(t, m, tt.in); got != tt.want {
				t.Errorf("Writer(%q) = %q, want %q", tt.in, got, tt.want)
			}
		})
	}
}

// A secret that repeats itself may begin at several places that one look finds.
func TestPeriodicSecretAtAnyPlace(t *testing.T) {
	m := New([]string{"abcdabcdabcd"})
	for before := range 40 {
		prefix := strings.Repeat("-", before)
		if got, want := m.String(prefix+strings.Repeat("abcd", 9)+"-"), prefix+"***-"; got != want {
			t.Errorf("after %d bytes: %q, want %q", before, got, want)
		}
	}
}

func TestBase64AtAnyPlace(t *testing.T) {
	const secret = "hun?er>22~~"
	m := New([]string{secret})
	for _, before := range []string{"", "u", "us", "use", "user:"} {
		for _, after := range []string{"", "x", "xy", "xyz"} {
			for _, enc := range []*base64.Encoding{
				base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding,
			} {
				text := enc.EncodeToString([]byte(before + secret + after))
				got := m.String(text)
				if !strings.Contains(got, Replacement) {
					t.Errorf("%q in base64, %q, is not hidden", before+secret+after, text)
				}
				// At most a character of the secret's own at each end may be left.
				if left := len(got) - len(Replacement); left > (len(before)+len(after))*4/3+5 {
					t.Errorf("%q became %q", text, got)
				}
			}
		}
	}
}

func TestNothingIsCopiedWithoutMatch(t *testing.T) {
	m := New([]string{"hunter22"})
	text := bytes.Repeat([]byte("nothing here "), 1000)
	if got := m.Bytes(text); &got[0] != &text[0] {
		t.Error("Bytes copied a text without secrets")
	}
	var sink lastWrite
	w := m.Writer(&sink)
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if len(sink.p) != len(text) || &sink.p[0] != &text[0] {
		t.Error("Writer copied a text without secrets")
	}
	if n := testing.AllocsPerRun(10, func() { _, _ = w.Write(text) }); n > 0 {
		t.Errorf("a write without secrets allocates %v times", n)
	}
}

type lastWrite struct{ p []byte }

func (w *lastWrite) Write(p []byte) (int, error) { w.p = p; return len(p), nil }

func TestSplitAtEachByte(t *testing.T) {
	secrets := []string{"hunter22", "open", "open sesame!", "abab", "line one\nline two\n", "aaaa"}
	m := New(secrets)
	texts := []string{
		"x hunter22 y hunter2hunter22 open open sesame open sesame! z",
		"ababab aaaaaaaaab hunter22", "-line one\nline two\n-line one\n",
		base64.StdEncoding.EncodeToString([]byte("user:hunter22")),
	}
	for _, text := range texts {
		want := m.String(text)
		for i := range len(text) + 1 {
			if got := stream(t, m, text[:i], text[i:]); got != want {
				t.Fatalf("%q split at %d: %q, want %q", text, i, got, want)
			}
			for j := i; j <= len(text); j++ {
				if got := stream(t, m, text[:i], text[i:j], text[j:]); got != want {
					t.Fatalf("%q split at %d and %d: %q, want %q", text, i, j, got, want)
				}
			}
		}
		if got := stream(t, m, strings.Split(text, "")...); got != want {
			t.Errorf("%q byte by byte: %q, want %q", text, got, want)
		}
	}
}

func TestHoldsBackOnlyWhatMayBeASecret(t *testing.T) {
	var out bytes.Buffer
	w := New([]string{"hunter22", "hunted"}).Writer(&out)
	steps := []struct {
		in, written string
		held        int
	}{
		{"line\n", "line\n", 0},
		{"I am a hunt", "line\nI am a ", 4},
		{"e", "line\nI am a ", 5},
		{"r", "line\nI am a ", 6},
		{"!", "line\nI am a hunter!", 0},
		{"hunter2", "line\nI am a hunter!", 7},
		{"2", "line\nI am a hunter!***", 0},
		{"hun", "line\nI am a hunter!***", 3},
	}
	for _, step := range steps {
		_, _ = w.Write([]byte(step.in))
		if out.String() != step.written || w.Held() != step.held {
			t.Fatalf("after %q: written %q, held %d; want %q, %d", step.in, out.String(), w.Held(), step.written, step.held)
		}
	}
	if err := w.Close(); err != nil || !strings.HasSuffix(out.String(), "***hun") {
		t.Errorf("after Close: %q, %v", out.String(), err)
	}
}

func TestWriterPassesErrorsOn(t *testing.T) {
	m := New([]string{"hunter22"})
	big := strings.Repeat("x", 2*joinLimit)
	for _, text := range []string{"plain", "a hunter22 b", "hunter22", big + "hunter22", "hunter22" + big} {
		w := m.Writer(failing{})
		n, err := w.Write([]byte(text))
		if n != 0 || !errors.Is(err, errFull) {
			t.Errorf("Write(%.20q) = %d, %v", text, n, err)
		}
	}
	w := m.Writer(failing{})
	if _, err := w.Write([]byte("hunter")); err != nil {
		t.Errorf("held text can't fail yet: %v", err)
	}
	if _, err := w.Write([]byte("man" + big)); !errors.Is(err, errFull) {
		t.Errorf("joined write: %v", err)
	}
	w = m.Writer(failing{})
	_, _ = w.Write([]byte("hunter"))
	if err := w.Flush(); !errors.Is(err, errFull) {
		t.Errorf("Flush: %v", err)
	}
}

var errFull = errors.New("full")

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errFull }

// stream writes the pieces to a Writer of m and returns what came out.
func stream(t testing.TB, m *Masker, pieces ...string) string {
	t.Helper()
	var out bytes.Buffer
	w := m.Writer(&out)
	for _, p := range pieces {
		if n, err := w.Write([]byte(p)); n != len(p) || err != nil {
			t.Fatalf("Write(%q) = %d, %v", p, n, err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// naive is the oracle: mark each byte of each occurrence, then replace each run of
// occurrences that overlap.
func naive(forms []string, text string) string {
	ends := make([]int, len(text)+1) // furthest end of an occurrence that begins here
	for i := range text {
		for _, f := range forms {
			if strings.HasPrefix(text[i:], f) {
				ends[i] = max(ends[i], i+len(f))
			}
		}
	}
	var out strings.Builder
	end := 0
	for i := range len(text) {
		if ends[i] > 0 && i >= end {
			out.WriteString(Replacement)
		}
		end = max(end, ends[i])
		if i >= end {
			out.WriteByte(text[i])
		}
	}
	return out.String()
}

func FuzzMasker(f *testing.F) {
	f.Add("hunter22", "open sesame", "open", "x hunter22 open sesame open", []byte{3, 1, 1, 9})
	f.Add("abab", "babab", "bbbb", "ababababbbbbbabab", []byte{1, 1, 1})
	f.Add("aaaa", "aaaaaaaa", "a\naaaaa", "aaaaaaaaaaaaaaaaaaaaaaaaab", []byte{7, 2})
	f.Add("p@ss w/rd", "\x00\x00\x00\x00\x00", "****", "p%40ss+w%2Frd \x00\x00\x00\x00\x00****", []byte{})
	f.Fuzz(func(t *testing.T, a, b, c, text string, cuts []byte) {
		m := New([]string{a, b, c})
		all := forms([]string{a, b, c})
		want := naive(all, text)
		if got := m.String(text); got != want {
			t.Fatalf("String(%q) = %q, want %q", text, got, want)
		}
		if got := string(m.Bytes([]byte(text))); got != want {
			t.Fatalf("Bytes(%q) = %q, want %q", text, got, want)
		}
		var pieces []string
		rest := text
		for _, cut := range cuts {
			n := min(int(cut), len(rest))
			pieces, rest = append(pieces, rest[:n]), rest[n:]
		}
		if got := stream(t, m, append(pieces, rest)...); got != want {
			t.Fatalf("%q: streamed %q, want %q", append(pieces, rest), got, want)
		}
		for _, form := range all {
			// Secrets of asterisks can't be told from replacements.
			if !strings.Contains(form, "*") && strings.Contains(want, form) {
				t.Fatalf("%q is left in %q", form, want)
			}
		}
	})
}

func TestURLFormsAgreeWithTheLibrary(t *testing.T) {
	const secret = "a/b c?d%e"
	for _, text := range []string{url.QueryEscape(secret), url.PathEscape(secret)} {
		if got := New([]string{secret}).String(text); got != Replacement {
			t.Errorf("%q became %q", text, got)
		}
	}
}

func BenchmarkWriter(b *testing.B) {
	line := "2026-01-31 12:00:00 - INFO - copied 1234 rows from table ACCOUNTS to /data/out/accounts.csv in 0.123 s\n"
	text := bytes.Repeat([]byte(line), 1+(64<<10)/len(line))
	five := []string{"hunter22-a", "correct horse battery", "s3cr3t-t0ken-value", "AKIAIOSFODNN7EXAMPLE", "ghp_0123456789abcdefghij"}
	for _, c := range []struct {
		name    string
		secrets []string
	}{
		{"one", five[:1]},
		{"five", five},
		{"five and one of 4 bytes", append([]string{"q9x7"}, five...)},
		{"common words", []string{"password1", "copied to", "accounts1"}},
	} {
		b.Run(c.name, func(b *testing.B) {
			w := New(c.secrets).Writer(&lastWrite{})
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				_, _ = w.Write(text)
			}
		})
	}
}
