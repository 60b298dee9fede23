package access

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/executionerhq/executioner/internal/fault"
)

const good = "correct horse battery"

func TestPasswords(t *testing.T) {
	p := NewPasswords(1)
	hash, err := p.Hash(t.Context(), "bob", good)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$") || len(hash) != 97 {
		t.Errorf("hash %s", hash)
	}
	again, err := p.Hash(t.Context(), "bob", good)
	if err != nil || again == hash {
		t.Errorf("the same salt twice, %v", err)
	}
	foreign := params{memory: 64, time: 3, threads: 2}.hash(good)
	for _, c := range []struct {
		name, hash, password string
		ok, rehash           bool
	}{
		{"right", hash, good, true, false},
		{"wrong", hash, good + " ", false, false},
		{"empty", hash, "", false, false},
		{"none there", "", good, false, false},
		{"none there, none given", "", "", false, false},
		{"too long", hash, strings.Repeat("x", MaxPassword+1), false, false},
		{"too long, for nothing", params{memory: 64, time: 1, threads: 1}.hash(""), strings.Repeat("x", MaxPassword+1), false, false},
		{"other parameters", foreign, good, true, true},
		{"other parameters, wrong", foreign, "wrong", false, false},
	} {
		ok, rehash, err := p.Verify(t.Context(), c.hash, c.password)
		if ok != c.ok || rehash != c.rehash || err != nil {
			t.Errorf("%s: %v, %v, %v", c.name, ok, rehash, err)
		}
	}
}

// TestKnownHash is one of the phc-winner-argon2 reference implementation's own tests:
// version 0x13, t=2, m=2^16, p=1, "password", "somesalt".
func TestKnownHash(t *testing.T) {
	const known = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	ok, rehash, err := NewPasswords(1).Verify(t.Context(), known, "password")
	if !ok || !rehash || err != nil {
		t.Errorf("%v, %v, %v", ok, rehash, err)
	}
}

func TestDamagedHashes(t *testing.T) {
	p := NewPasswords(1)
	whole := params{memory: 64, time: 1, threads: 1}.hash(good)
	if ok, _, err := p.Verify(t.Context(), whole, good); !ok || err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(whole, "$")
	with := func(i int, part string) string {
		changed := slices.Clone(parts)
		changed[i] = part
		return strings.Join(changed, "$")
	}
	for _, hash := range []string{
		"x", "$", whole + "$", "x" + whole, with(1, "argon2i"), with(2, "v=16"), with(3, "m=64,t=1"), with(3, "m=64,t=1,p=1,x"),
		with(3, "m=064,t=1,p=1"), with(3, "m=4294967295,t=1,p=1"), with(3, "m=64,t=4000000,p=1"), with(3, "m=64,t=0,p=1"),
		with(3, "m=64,t=1,p=0"), with(3, "m=64,t=1,p=300"), with(4, "!"), with(4, "c2FsdA"), with(5, ""), with(5, parts[5][:10]), with(5, parts[5]+"="),
	} {
		ok, rehash, err := p.Verify(t.Context(), hash, good)
		if ok || rehash || fault.CodeOf(err) != fault.Internal {
			t.Errorf("%s: %v, %v, %v", hash, ok, rehash, err)
		}
		if strings.Contains(err.Error(), parts[5]) {
			t.Errorf("the hash is in the message: %v", err)
		}
	}
}

func TestCheckPassword(t *testing.T) {
	for _, c := range []struct{ user, password, want string }{
		{"bob", good, ""},
		{"bob", "123456789012", ""},
		{"bob", "äöüäöüäöüäöü", ""},
		{"bob", strings.Repeat("xy", 512), ""},
		{"", good, ""},
		{"bob", "", "the password has 0 characters, and must have at least 12"},
		{"bob", "äöüäöüäöüäö", "the password has 11 characters, and must have at least 12"},
		{"bob", strings.Repeat("xy", 512) + "x", "the password has more than 1024 bytes"},
		{"administrator", "Administrator", "the password is the user's name"},
		{"bob", "bobbobBOBbob", "the password is the user's name"},
		{"bob", "ääääääääääää", "the password is one character, many times"},
	} {
		err := CheckPassword(c.user, c.password)
		got := ""
		if err != nil {
			got = err.Error()
			if fault.CodeOf(err) != fault.Usage || fault.HintOf(err) == "" {
				t.Errorf("%s: %v", c.password, err)
			}
		}
		if got != c.want {
			t.Errorf("%s, %s: got %q, want %q", c.user, c.password, got, c.want)
		}
	}
	if _, err := NewPasswords(0).Hash(t.Context(), "bob", "short"); fault.CodeOf(err) != fault.Usage {
		t.Errorf("got %v", err)
	}
}

// TestPasswordsAtOnce has no more than so many at work, and nobody waits for ever.
func TestPasswordsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPasswords(2)
		hash := params{memory: 64, time: 1, threads: 1}.hash(good)
		for range 2 {
			if err := p.enter(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		verified, hashed, entered := make(chan error, 1), make(chan error, 1), make(chan bool, 1)
		go func() { _, _, err := p.Verify(ctx, hash, good); verified <- err }()
		go func() { _, err := p.Hash(ctx, "bob", good); hashed <- err }()
		synctest.Wait() // both wait
		reason := errors.New("gone")
		cancel(reason)
		for _, ended := range []chan error{verified, hashed} {
			if err := <-ended; fault.CodeOf(err) != fault.Cancelled || !errors.Is(err, reason) {
				t.Errorf("got %v", err)
			}
		}
		go func() {
			ok, _, err := p.Verify(context.Background(), hash, good)
			entered <- ok && err == nil
		}()
		synctest.Wait()
		select {
		case <-entered:
			t.Error("a third one at the same time")
		default:
		}
		p.leave()
		if !<-entered {
			t.Error("not verified")
		}
		if len(p.slots) != 1 {
			t.Errorf("%d are at work", len(p.slots))
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	p := NewPasswords(1)
	hash, err := p.Hash(b.Context(), "bob", good)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if ok, _, err := p.Verify(b.Context(), hash, good); !ok || err != nil {
			b.Fatal(err)
		}
	}
}
