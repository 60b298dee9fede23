package joblog

import (
	"bytes"
	"testing"
	"unicode/utf8"
)

func TestSanitize(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"plain", "a\tb\nc ~ é 漢 🙂", "a\tb\nc ~ é 漢 🙂"},
		{"C0 and DEL", "a\x00\x07\b\r\x7fb\x1a\r\n", "ab\n"},
		{"C1", "a\u0085\u0099b\x99c", "abc"},
		{"colour", "\x1b[1;31mred\x1b[0m", "red"},
		{"clear screen", "\x1b[2J\x1b[Hx\x1bcx", "xx"},
		{"C1 CSI", "\u009b31mred\x9b0mx", "redx"},
		{"title, BEL", "\x1b]0;evil\x07x", "x"},
		{"title, ST", "\x1b]0;evil\x1b\\x", "x"},
		{"title, C1", "\u009d0;evil\u009cx", "x"},
		{"DCS, C1", "\u0090evil\u009cx\x98evil\x1b\\y", "xy"},
		{"link", "\x1b]8;;http://e/\x1b\\text\x1b]8;;\x1b\\", "text"},
		{"DCS with characters", "\x1bPé漢\xff\x1b\\x", "x"},
		{"charset", "\x1b(Bx\x1b#8y", "xy"},
		{"text ends with the line", "\x1b]0;evil\nnext", "\nnext"},
		{"broken CSI", "\x1b[12\nnext \x1b[1é \x1b[1\x18x", "\nnext é x"},
		{"ESC in ESC", "\x1b\x1b[31mx\x1b]0;a\x1b[31mb", "xb"},
		{"cancelled", "\x1b\x18x\x1b \x1ay", "xy"},
		{"latin-1", "gr\xfc\xdfe\x1b\xe4", "gr\xfc\xdfe\xe4"},
		{"cut character", "a\xe6\xbc", "a\xe6\xbc"},
		{"cut control", "a\xf0\x9b", "a\xf0"},
		{"at the end", "a\x1b", "a"},
		{"empty", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := string(Sanitize([]byte(tt.in))); got != tt.want {
				t.Errorf("Sanitize(%q) = %q, want %q", tt.in, got, tt.want)
			}
		})
	}
}

func FuzzSanitize(f *testing.F) {
	f.Add([]byte("a\x1b[31m\x1b]0;x\x1b\\\xc2\x9b31m é\xe6\xbc\x9b"), uint8(3))
	f.Fuzz(func(t *testing.T, in []byte, cut uint8) {
		before := bytes.Clone(in)
		got := Sanitize(in)
		if !bytes.Equal(in, before) {
			t.Fatalf("%q was written to", before)
		}
		for rest := got; len(rest) > 0; {
			r, n := utf8.DecodeRune(rest)
			if n == 1 && rest[0] >= 0x80 && rest[0] < 0xa0 || r < 0x20 && r != '\t' && r != '\n' || r >= 0x7f && r < 0xa0 {
				t.Fatalf("Sanitize(%q) = %q has a control", in, got)
			}
			rest = rest[n:]
		}
		if again := Sanitize(got); !bytes.Equal(again, got) {
			t.Fatalf("Sanitize(%q) = %q, again %q", in, got, again)
		}
		var out bytes.Buffer
		s := NewSanitizer(&out)
		n := min(int(cut), len(in))
		for _, piece := range [][]byte{in[:n], in[n:]} {
			if _, err := s.Write(piece); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.HasPrefix(got, out.Bytes()) || len(got)-out.Len() > utf8.UTFMax {
			t.Fatalf("%q split at %d: %q, want %q", in, n, out.Bytes(), got)
		}
	})
}

func TestSanitizerPassesErrorsOn(t *testing.T) {
	s := NewSanitizer(&recorder{err: bytes.ErrTooLarge})
	if _, err := s.Write([]byte("x")); err == nil {
		t.Error("no error")
	}
}

func BenchmarkSanitize(b *testing.B) {
	text := bytes.Repeat([]byte("copied 1234 rows \x1b[31mfrom\x1b[0m table ACCOUNTS é\n"), 1000)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		Sanitize(text)
	}
}
