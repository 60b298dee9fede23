package keeper

import (
	"math/rand/v2"
	"reflect"
	"testing"
)

// TestOddBytesArrive: a variable that is no UTF-8 came to a job as U+FFFD.
func TestOddBytesArrive(t *testing.T) {
	d := rand.New(rand.NewPCG(1, 2))
	odd := []string{"", "plain", "grün", "gr\xfcn", "\xff", "\U0010FF80", "\U0010FFFF", "a\xf4\x8f\xbe", "\xf4\x8f\xbe\x80\x80", "\uFFFD", "\xed\xa0\x80", "\x00", "\u2028<&>"}
	for range 5000 {
		b := make([]byte, d.IntN(12))
		for i := range b {
			b[i] = []byte{'a', 0xf4, 0x8f, 0xbe, 0xbf, 0x80, 0xff, 0xc3, byte(d.IntN(256))}[d.IntN(9)]
		}
		odd = append(odd, string(b))
	}
	a, b := ends(t)
	for _, s := range odd {
		send(t, a, &message{Verb: setting, Setting: &Setting{Env: []string{s}}})
		if got := receive(t, b).Setting.Env[0]; got != s {
			t.Fatalf("%q became %q", s, got)
		}
	}
}

func TestOddSpecArrives(t *testing.T) {
	s := Spec{
		ID: "1", Path: "/\xff", Args: []string{"a", "\xfe", "b"}, Env: []string{"A=\xfd"}, Dir: "\xfc",
		Secrets: []string{"\xfb"}, Log: &Log{Path: "\xfa", Limit: 3},
	}
	set := &Setting{Env: []string{"B=\xff"}, Secrets: []string{"\xfe"}}
	a, b := ends(t)
	send(t, a, &message{Verb: start, Spec: &s})
	send(t, a, &message{Verb: setting, Setting: set})
	send(t, a, &message{Verb: setting})
	if got := receive(t, b).Spec; !reflect.DeepEqual(*got, s) {
		t.Errorf("got  %+v\nwant %+v", got, s)
	}
	if back := receive(t, b).Setting; !reflect.DeepEqual(back, set) {
		t.Errorf("%+v", back)
	}
	if receive(t, b).Setting != nil {
		t.Error("no setting became one")
	}
}
