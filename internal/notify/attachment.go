package notify

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// maxAttachment is what is attached of a log in bytes. The end says why a job failed.
const maxAttachment = 1 << 20

// load returns the end of a log, nil when there is none, and a line for the text if
// that is not all of it.
func load(path string) (data []byte, note string) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a named pipe must not hang us
	if err != nil {
		return nil, missing(path, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is not a regular file")
	}
	if err != nil {
		return nil, missing(path, err)
	}
	from := max(0, info.Size()-maxAttachment)
	data, err = io.ReadAll(io.NewSectionReader(f, from, maxAttachment))
	if err != nil {
		return nil, missing(path, err)
	}
	if from > 0 {
		note = fmt.Sprintf("\nOf %s only the last %d of %d bytes are attached.\n", printable(path), len(data), info.Size())
	}
	return data, note
}

func missing(path string, err error) string {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return fmt.Sprintf("\n%s is not attached: %v.\n", printable(path), err)
}

// attachmentName is the file's name as the header of the attachment shows it.
func attachmentName(path string) string { return printable(filepath.Base(path)) }
