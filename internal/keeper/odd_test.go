package keeper

import (
	"encoding/json"
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
	for _, s := range odd {
		sent, err := json.Marshal(portable(s))
		if err != nil {
			t.Fatal(err)
		}
		var got string
		if err := json.Unmarshal(sent, &got); err != nil {
			t.Fatal(err)
		}
		if original(got) != s {
			t.Fatalf("%q became %q", s, original(got))
		}
	}
}

func TestOddSpecArrives(t *testing.T) {
	s := Spec{
		ID: "1", Path: "/\xff", Args: []string{"a", "\xfe", "b"}, Env: []string{"A=\xfd"}, Dir: "\xfc",
		Secrets: []string{"\xfb"}, Log: &Log{Path: "\xfa", Limit: 3},
	}
	sent, err := json.Marshal(s.portable())
	if err != nil {
		t.Fatal(err)
	}
	var got Spec
	if err := json.Unmarshal(sent, &got); err != nil {
		t.Fatal(err)
	}
	if got = got.original(); !reflect.DeepEqual(got, s) {
		t.Errorf("got  %+v\nwant %+v", got, s)
	}
	if s.Log.Path != "\xfa" || s.Args[1] != "\xfe" {
		t.Error("sending changed it")
	}
	set := &Setting{Env: []string{"B=\xff"}, Secrets: []string{"\xfe"}}
	if back := set.with(portable).with(original); !reflect.DeepEqual(back, set) {
		t.Errorf("%+v", back)
	}
	if (*Setting)(nil).with(portable) != nil {
		t.Error("no setting became one")
	}
}
