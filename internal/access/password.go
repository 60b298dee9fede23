package access

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"runtime"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"

	"github.com/executionerhq/executioner/internal/fault"
)

const (
	// MinPassword and MaxPassword are how many characters and bytes a password may have.
	MinPassword = 12
	MaxPassword = 1024

	saltBytes = 16
	keyBytes  = 32
)

// params are the costs of argon2id.
type params struct {
	memory  uint32 // KiB
	time    uint32 // passes
	threads uint8
}

// current are the parameters that OWASP recommends (Password Storage Cheat Sheet, 2024).
// A hash with others is made anew when its user logs in.
func current() params { return params{memory: 19456, time: 2, threads: 1} }

// Limits of what a stored hash may ask for: one that was written by somebody else must not
// take all memory.
const (
	mostMemory  = 1 << 20 // KiB
	mostTime    = 64
	mostThreads = 16
)

// Passwords makes and checks the hashes of passwords, a few at a time: each takes 19 MiB
// and, on purpose, a good part of a second's computing. It is safe for concurrent use.
type Passwords struct {
	slots chan struct{}
	dummy string // the hash of a password that nobody knows
}

// NewPasswords returns Passwords that works on at most that many hashes at the same time,
// one for each CPU when it is not positive.
func NewPasswords(atOnce int) *Passwords {
	if atOnce <= 0 {
		atOnce = runtime.GOMAXPROCS(0)
	}
	return &Passwords{slots: make(chan struct{}, atOnce), dummy: current().hash(NewSecret())}
}

// Hash returns what is kept of a password, in PHC form ($argon2id$v=19$m=…). The fault is
// Usage when the password breaks the policy (see CheckPassword), Cancelled when ctx ended
// before it was its turn.
func (p *Passwords) Hash(ctx context.Context, user, password string) (string, error) {
	if err := CheckPassword(user, password); err != nil {
		return "", err
	}
	if err := p.enter(ctx); err != nil {
		return "", err
	}
	defer p.leave()
	return current().hash(password), nil
}

// Verify reports whether a password is the one that hash was made of, and whether it should
// be hashed anew, as its parameters are not those that are used now. With an empty hash, of
// a user who is not there or has no password, it takes as long as with any other, and says
// no. The fault is Cancelled when ctx ended before it was its turn, Internal when hash is damaged.
func (p *Passwords) Verify(ctx context.Context, hash, password string) (ok, rehash bool, err error) {
	if err := p.enter(ctx); err != nil {
		return false, false, err
	}
	defer p.leave()
	there := hash != ""
	if !there {
		hash = p.dummy
	}
	h, err := parse(hash)
	if err != nil {
		return false, false, err
	}
	if len(password) > MaxPassword {
		password, there = "", false // it can't be the one
	}
	key := h.params.key(password, h.salt, len(h.key))
	ok = subtle.ConstantTimeCompare(key, h.key) == 1 && there
	return ok, ok && (h.params != current() || len(h.salt) != saltBytes || len(h.key) != keyBytes), nil
}

func (p *Passwords) enter(ctx context.Context) error {
	select {
	case p.slots <- struct{}{}:
		return nil
	default:
	}
	select {
	case p.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fault.Wrap(context.Cause(ctx), fault.Cancelled, "interrupted")
	}
}

func (p *Passwords) leave() { <-p.slots }

// CheckPassword returns a fault Usage when a password must not be a user's: it has fewer
// than 12 characters, is longer than 1,024 bytes, is the user's name, once or several
// times, or is one character repeated.
func CheckPassword(user, password string) error {
	switch n := utf8.RuneCountInString(password); {
	case n < MinPassword:
		return errPassword("has %d characters, and must have at least %d", n, MinPassword)
	case len(password) > MaxPassword:
		return errPassword("has more than %d bytes", MaxPassword)
	case repeats(strings.ToLower(password), strings.ToLower(user)):
		return errPassword("is the user's name")
	case repeats(password, firstRune(password)):
		return errPassword("is one character, many times")
	}
	return nil
}

func firstRune(s string) string {
	_, n := utf8.DecodeRuneInString(s)
	return s[:n]
}

// repeats reports whether s is nothing but part, one or more times.
func repeats(s, part string) bool { return part != "" && strings.ReplaceAll(s, part, "") == "" }

func errPassword(format string, args ...any) error {
	return fault.New(fault.Usage, "the password "+format, args...).
		WithHint("use a sentence, or one that a password manager makes")
}

// parsed is a hash in its parts.
type parsed struct {
	params    params
	salt, key []byte
}

func (p params) key(password string, salt []byte, length int) []byte {
	return argon2.IDKey([]byte(password), salt, p.time, p.memory, p.threads, uint32(length))
}

func (p params) hash(password string) string {
	salt := make([]byte, saltBytes)
	rand.Read(salt) // never fails
	return p.phc(salt, p.key(password, salt, keyBytes))
}

func (p params) phc(salt, key []byte) string {
	enc := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, p.memory, p.time, p.threads,
		enc.EncodeToString(salt), enc.EncodeToString(key))
}

// parse reads a hash in PHC form.
func parse(phc string) (h parsed, err error) {
	damaged := fault.New(fault.Internal, "the stored hash of a password is damaged").
		WithHint("set the password anew: executioner user set-password NAME")
	parts := strings.Split(phc, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return h, damaged
	}
	q := &h.params
	if n, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &q.memory, &q.time, &q.threads); n != 3 || err != nil {
		return h, damaged
	}
	var errSalt, errKey error
	h.salt, errSalt = base64.RawStdEncoding.Strict().DecodeString(parts[4])
	h.key, errKey = base64.RawStdEncoding.Strict().DecodeString(parts[5])
	if errSalt != nil || errKey != nil || !q.sane() || len(h.salt) < 8 || len(h.key) < 16 || q.phc(h.salt, h.key) != phc {
		return h, damaged
	}
	return h, nil
}

func (p params) sane() bool {
	return p.memory >= 8 && p.memory <= mostMemory && p.time >= 1 && p.time <= mostTime && p.threads >= 1 && p.threads <= mostThreads
}
