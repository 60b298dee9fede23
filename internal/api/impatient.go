package api

import (
	"net/http"
	"time"
)

// impatient is an answer whose reader must take what is written within some time: one who
// never reads would keep a connection for ever.
type impatient struct {
	http.ResponseWriter
	control *http.ResponseController
	most    time.Duration
}

// WriteHeader begins the answer.
func (w *impatient) WriteHeader(status int) {
	w.limit()
	w.ResponseWriter.WriteHeader(status)
}

// Write continues the answer.
func (w *impatient) Write(p []byte) (int, error) {
	w.limit()
	return w.ResponseWriter.Write(p)
}

func (w *impatient) limit() { _ = w.control.SetWriteDeadline(time.Now().Add(w.most)) } // where it can't be set nobody is slow

// Unwrap returns what http.ResponseController works on.
func (w *impatient) Unwrap() http.ResponseWriter { return w.ResponseWriter }
