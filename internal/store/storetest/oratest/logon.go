package oratest

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha512"
	"encoding/hex"
	"strconv"
	"strings"
)

// logon is the exchange by which client and server prove to each other that they know
// the password, in the way of Oracle 12c: each sends half of a key, encrypted with what
// is derived from the password, and the client's password encrypted with the whole key.
type logon struct {
	user     string
	password string
	verifier []byte // the key that is derived from the password
	half     []byte // the server's
	salt     []byte // of the whole key
}

const (
	verifierRounds = 4096
	keyRounds      = 3
	verifier12c    = 18453 // the kind of verifier
)

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return b
}

func upperHex(b []byte) string { return strings.ToUpper(hex.EncodeToString(b)) }

func derive(secret string, salt []byte, rounds int) []byte {
	key, err := pbkdf2.Key(sha512.New, secret, salt, rounds, sha512.Size)
	if err != nil {
		panic(err) // only for lengths that are not ours
	}
	return key
}

func encrypt(key, b []byte) []byte {
	out := make([]byte, len(b))
	cipher.NewCBCEncrypter(block(key), make([]byte, aes.BlockSize)).CryptBlocks(out, b) //nolint:gosec // Oracle's protocol begins with zeros
	return out
}

func decrypt(key, b []byte) []byte {
	out := make([]byte, len(b))
	cipher.NewCBCDecrypter(block(key), make([]byte, aes.BlockSize)).CryptBlocks(out, b)
	return out
}

func block(key []byte) cipher.Block {
	b, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // only for lengths that are not ours
	}
	return b
}

// challenge begins the exchange and writes the server's part of it.
func (g *logon) challenge(m *message) {
	salt := random(16)
	g.half, g.salt = random(32), random(16)
	speedy := derive(g.password, append(append([]byte{}, salt...), "AUTH_PBKDF2_SPEEDY_KEY"...), verifierRounds)
	sum := sha512.Sum512(append(speedy, salt...))
	g.verifier = sum[:32]
	m.raw(8)
	m.uint(5)
	m.pair("AUTH_SESSKEY", upperHex(encrypt(g.verifier, g.half)), 0)
	m.pair("AUTH_VFR_DATA", upperHex(salt), verifier12c)
	m.pair("AUTH_PBKDF2_CSK_SALT", upperHex(g.salt), 0)
	m.pair("AUTH_PBKDF2_VGEN_COUNT", strconv.Itoa(verifierRounds), 0)
	m.pair("AUTH_PBKDF2_SDER_COUNT", strconv.Itoa(keyRounds), 0)
}

// check returns the key of the session when the client's answer shows that it knows the password.
func (g *logon) check(user string, answer map[string]string) (key []byte, ok bool) {
	half, err := hex.DecodeString(answer["AUTH_SESSKEY"])
	if err != nil || len(half) != 32 || g.half == nil {
		return nil, false
	}
	password, err := hex.DecodeString(answer["AUTH_PASSWORD"])
	if err != nil || len(password) < 2*aes.BlockSize || len(password)%aes.BlockSize != 0 {
		return nil, false
	}
	whole := append(decrypt(g.verifier, half), g.half...)
	key = derive(upperHex(whole), g.salt, keyRounds)[:32]
	plain := decrypt(key, password)[aes.BlockSize:] // the first block is random
	padding := int(plain[len(plain)-1])
	if padding == 0 || padding > aes.BlockSize {
		return nil, false
	}
	ok = string(plain[:len(plain)-padding]) == g.password && strings.EqualFold(user, g.user)
	return key, ok
}

// welcome writes what a client is told about the session that it has got.
func welcome(m *message, key []byte) {
	m.raw(23, 5, 0, 0) // settings of the session follow
	m.uint(2)
	m.raw(2)
	m.pair("AUTH_NLS_LXLAN", "AMERICAN", 16)
	m.pair("AUTH_NLS_LXCTERRITORY", "AMERICA", 9)
	m.uint(0)
	proof := append(random(16), "SERVER_TO_CLIENT"...)
	m.raw(8)
	pairs := [][2]string{
		{"AUTH_VERSION_STRING", "- stand-in, not Oracle"},
		{"AUTH_VERSION_NO", strconv.Itoa(versionNumber)},
		{"AUTH_SESSION_ID", "1"},
		{"AUTH_SERIAL_NUM", "1"},
		{"AUTH_SC_INSTANCE_NAME", service},
		{"AUTH_SC_SERVICE_NAME", service},
		{"AUTH_SC_DBUNIQUE_NAME", service},
		{"AUTH_SC_DB_DOMAIN", ""},
		{"AUTH_SC_SERVER_HOST", "localhost"},
		{"AUTH_SVR_RESPONSE", upperHex(encrypt(key, proof))},
	}
	m.uint(len(pairs))
	for _, p := range pairs {
		m.pair(p[0], p[1], 0)
	}
}
