package fingerprint

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// chunk is how much of a file is read at a time, in bytes.
const chunk = 256 << 10

// Contents returns the hashes of files that Find named. One that is gone by now is not
// among them.
func Contents(ctx context.Context, fsys fs.FS, dir string, files []string) (Hashes, error) {
	hashes := make(Hashes, len(files))
	buffer := make([]byte, chunk)
	for _, name := range files {
		at := name
		if !strings.HasPrefix(name, "/") {
			at = path.Join(dir, name)
		}
		at = strings.TrimPrefix(at, "/")
		sum, err := content(ctx, fsys, at, buffer)
		switch {
		case absent(err):
			continue
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case err != nil:
			return nil, failed(at, err)
		}
		hashes[Name(name)] = sum
	}
	return hashes, nil
}

// Name returns the name of a file as it is told and kept: as it is, or quoted where it has
// bytes that are not UTF-8, or control characters.
func Name(name string) string {
	if utf8.ValidString(name) && !strings.ContainsFunc(name, unicode.IsControl) {
		return name
	}
	return strconv.Quote(name)
}

func content(ctx context.Context, fsys fs.FS, at string, buffer []byte) (string, error) {
	f, err := fsys.Open(at)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	if info, err := f.Stat(); err != nil {
		return "", err
	} else if !info.Mode().IsRegular() {
		return "", errors.New("it is not a plain file any more")
	}
	h := sha256.New()
	for {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		n, err := f.Read(buffer)
		h.Write(buffer[:n])
		if errors.Is(err, io.EOF) {
			return hex.EncodeToString(h.Sum(nil)), nil
		}
		if err != nil {
			return "", err
		}
	}
}
