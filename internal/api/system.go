package api

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"reflect"
	"strings"

	"github.com/executionerhq/executioner/internal/access"
	"github.com/executionerhq/executioner/internal/fault"
)

//go:embed docs.html docs.js docs.css
var files embed.FS

// docsPolicy lets the page of the document have its own script and style, and nothing else.
const docsPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; " +
	"frame-ancestors 'none'; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'"

// docs serves a part of the page that shows the OpenAPI document.
func (s *server) docs(name, kind string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		data, err := files.ReadFile(name)
		if err != nil {
			panic(err) // it is embedded
		}
		w.Header().Set("Content-Type", kind)
		w.Header().Set("Content-Security-Policy", docsPolicy)
		_, _ = w.Write(data)
	}
}

// serveOpenAPI serves the OpenAPI document.
func (s *server) serveOpenAPI(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/openapi+json")
	_, _ = w.Write(s.openapi)
}

type healthOut struct {
	Body struct {
		Status string `json:"status"`
	}
}

// live says that the process answers.
func (s *server) live(context.Context, *struct{}) (*healthOut, error) {
	out := &healthOut{}
	out.Body.Status = "ok"
	return out, nil
}

// ready says whether the service takes runs. Why not is for those who read its log, which the
// service tells itself.
func (s *server) ready(context.Context, *struct{}) (*healthOut, error) {
	if err := s.Service.Ready(); err != nil {
		return nil, expected{fault.New(fault.Unavailable, "the service takes no runs now")}
	}
	out := &healthOut{}
	out.Body.Status = "ready"
	return out, nil
}

type versionOut struct{ Body any }

// version says which program this is.
func (s *server) version(context.Context, *struct{}) (*versionOut, error) {
	return &versionOut{s.Version}, nil
}

// answer sends a value as JSON.
func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // whoever asked has gone
}

// decode reads the JSON of a request, for routes that huma does not serve.
func decode(r *http.Request, v any) error {
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fault.New(fault.Usage, "the request is not as it should be: it takes %s", fieldsOf(v)).
			WithHint("the document at /openapi.json says what each request takes")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fault.New(fault.Usage, "there is something behind the JSON of the request")
	}
	return nil
}

// fieldsOf lists the fields of a request. What was sent instead is not repeated: it may be a secret.
func fieldsOf(v any) string {
	var names []string
	for f := range reflect.TypeOf(v).Elem().Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		names = append(names, name)
	}
	return strings.Join(names, ", ")
}

type statisticsIn struct {
	Application string `query:"application" maxLength:"1024" doc:"only this one; missing: all, for those who may see all"`
	Job         string `query:"job" maxLength:"1024" doc:"only this job"`
	Since       string `query:"since" maxLength:"64" default:"30d" doc:"only what began at this time or later: 2026-01-31, RFC 3339, or how long ago, such as 30d; all for all"`
	By          string `query:"by" enum:"day,week,month" doc:"the trend, too"`
	Slowest     int    `query:"slowest" minimum:"0" maximum:"1000" doc:"the jobs with the longest median"`
	Flakiest    int    `query:"flakiest" minimum:"0" maximum:"1000" doc:"the jobs that were flaky most often"`
}

// statistics says how runs and jobs usually go.
func (s *server) statistics(ctx context.Context, in *statisticsIn) (*versionOut, error) {
	if err := s.may(ctx, access.StatsRead, in.Application); err != nil {
		return nil, err
	}
	v, err := s.Statistics(ctx, Figures(*in))
	return &versionOut{v}, err
}
