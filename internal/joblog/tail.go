package joblog

import (
	"bytes"
	"io"
	"os"
)

// tailBlock is what is read at once while looking for lines from the end.
const tailBlock = 32 << 10

// Tail returns the last lines of a file (lines <= 0: as many as there are), but at
// most maxBytes: of a longer text it returns the whole lines that fit, or the end of
// the last line when that alone is longer. A last line that is not ended counts.
// Errors are faults: NotFound, Unavailable.
func Tail(path string, lines int, maxBytes int64) ([]byte, error) {
	f, info, err := openRead(path)
	if err != nil {
		return nil, readFault(path, err)
	}
	defer f.Close()
	size := info.Size()
	floor := max(0, size-max(0, maxBytes))
	start, err := lineStart(f, lines, floor, size)
	if err != nil {
		return nil, readFault(path, err)
	}
	out, err := io.ReadAll(io.NewSectionReader(f, start, size-start))
	if err != nil {
		return nil, readFault(path, err)
	}
	if start == floor && floor > 0 {
		out = wholeLines(f, floor, out)
	}
	return out, nil
}

// lineStart returns where the last lines of f begin, floor when that is before it.
func lineStart(f io.ReaderAt, lines int, floor, size int64) (int64, error) {
	if lines <= 0 {
		return floor, nil
	}
	block := make([]byte, tailBlock)
	for end := size - 1; end > floor; { // the last byte is left out: if it is a new line, it ends a line
		begin := max(floor, end-tailBlock)
		part := block[:end-begin]
		if _, err := f.ReadAt(part, begin); err != nil {
			return 0, err
		}
		for i := bytes.LastIndexByte(part, '\n'); i >= 0; i = bytes.LastIndexByte(part[:i], '\n') {
			if lines--; lines == 0 {
				return begin + int64(i) + 1, nil
			}
		}
		end = begin
	}
	return floor, nil
}

// wholeLines drops the rest of a line whose beginning lies before start.
func wholeLines(f *os.File, start int64, text []byte) []byte {
	before := []byte{0}
	if _, err := f.ReadAt(before, start-1); err == nil && before[0] == '\n' {
		return text
	}
	if i := bytes.IndexByte(text, '\n'); i >= 0 && i < len(text)-1 {
		return text[i+1:]
	}
	return text
}
