package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path"
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/executionerhq/executioner/internal/access"
	"github.com/executionerhq/executioner/internal/api/wire"
)

// object says how the application that a request is about is found.
type object int

const (
	inNone     object = iota // about no application
	inRun                    // of the run in the path
	inWorkflow               // of the registered workflow in the path
	inHandler                // only the handler can know: it asks server.may
)

// class says how much a request costs, and so how often it may be made.
type class int

const (
	reading class = iota
	changing
	streaming
	login
)

// cost is how many requests one of a class counts for.
func (c class) cost() int {
	if c == changing || c == login {
		return 5
	}
	return 1
}

// cost is how many requests one of the row counts for.
func (r *route) cost() int {
	if r.big {
		return max(r.class.cost(), changing.cost())
	}
	return r.class.cost()
}

// route is one row of the table of all that can be reached.
type route struct {
	method  string
	path    string
	id      string // of the operation, for generated clients
	summary string
	// action is what must be allowed; public means nothing need be. One of the two is there.
	action access.Action
	public bool
	object object
	class  class
	big    bool // its body has a workflow
	hook   bool // it is public, and its body may be as large as that of others
	// Of these two there is one: what registers it with huma, or a plain handler.
	typed func(huma.API, huma.Operation)
	plain http.HandlerFunc
	// What a plain handler takes and answers, for the document. No kind: it is not in it.
	query []string // NAME: what it means
	kind  string   // the media type of the answer
	takes any      // the body of the request
	gives any      // the body of the answer, where that is JSON
}

// changes reports whether the route may change something, so that it belongs into the audit log.
func (r *route) changes() bool { return r.method != http.MethodGet && !r.harmless() }

// harmless are POST routes that change nothing.
func (r *route) harmless() bool { return r.id == "validate" || r.id == "plan" || r.id == "plan-resume" }

// pattern is the route as http.ServeMux knows it.
func (r *route) pattern() string { return r.method + " " + r.path }

// check says what is missing in a row.
func (r *route) check() error {
	switch {
	case r.public == (r.action != ""):
		return fmt.Errorf("route %s: say either what must be allowed or that it is public", r.pattern())
	case r.action != "" && !slices.Contains(access.Actions(), r.action):
		return fmt.Errorf("route %s: there is no action %s", r.pattern(), r.action)
	case (r.typed == nil) == (r.plain == nil):
		return fmt.Errorf("route %s: it needs one handler", r.pattern())
	case r.object == inRun && !strings.Contains(r.path, "{run}"), r.object == inWorkflow && !strings.Contains(r.path, "{workflow}"):
		return fmt.Errorf("route %s: its path does not name what it is about", r.pattern())
	}
	return nil
}

// register makes every row of the table reachable, and nothing else.
func (s *server) register() error {
	a := &adapter{server: s, rows: make(map[string]*route, len(s.routes))}
	api := huma.NewAPI(settings(), a)
	a.api = api
	for i := range s.routes {
		r := &s.routes[i]
		if err := r.check(); err != nil {
			return err
		}
		if a.rows[r.pattern()] != nil {
			return fmt.Errorf("route %s is there twice", r.pattern())
		}
		a.rows[r.pattern()] = r
		if r.plain != nil {
			s.patterns.HandleFunc(r.pattern(), s.guard(r, r.plain))
			s.describe(api, r)
			continue
		}
		r.typed(api, s.operation(r))
	}
	if a.refused != nil {
		return a.refused
	}
	return s.document(api)
}

// operation describes a row for the OpenAPI document.
func (s *server) operation(r *route) huma.Operation {
	op := huma.Operation{
		OperationID: r.id, Method: r.method, Path: r.path, Summary: r.summary,
		Tags: []string{tag(r.path)}, MaxBodyBytes: s.bodyLimit(r) + 1,
		RejectUnknownQueryParameters: true,
	}
	if !r.public {
		op.Description = "Needs " + string(r.action) + "."
		op.Security = []map[string][]string{{"token": {}}, {"password": {}}, {"session": {}}}
	}
	op.Responses = map[string]*huma.Response{"default": {
		Description: "What went wrong (RFC 9457)",
		Content:     map[string]*huma.MediaType{wire.ProblemType: {Schema: &huma.Schema{Ref: "#/components/schemas/Problem"}}},
	}}
	return op
}

// describe has the document tell of a row with a plain handler.
func (s *server) describe(api huma.API, r *route) {
	if r.kind == "" {
		return
	}
	op := s.operation(r)
	text := &huma.Schema{Type: huma.TypeString}
	for _, part := range strings.Split(r.path, "/") {
		if name, ok := strings.CutPrefix(part, "{"); ok {
			op.Parameters = append(op.Parameters, &huma.Param{Name: strings.TrimSuffix(name, "}"), In: "path", Required: true, Schema: text})
		}
	}
	for _, q := range r.query {
		name, means, _ := strings.Cut(q, ": ")
		op.Parameters = append(op.Parameters, &huma.Param{Name: name, In: "query", Description: means, Schema: text})
	}
	op.Responses["200"] = &huma.Response{Description: "OK", Content: map[string]*huma.MediaType{r.kind: {Schema: text}}}
	if r.gives != nil {
		op.Responses["200"].Content[r.kind].Schema = api.OpenAPI().Components.Schemas.Schema(reflect.TypeOf(r.gives), true, "")
	}
	if r.takes != nil {
		schema := api.OpenAPI().Components.Schemas.Schema(reflect.TypeOf(r.takes), true, "")
		op.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/json": {Schema: schema}}}
	}
	api.OpenAPI().AddOperation(&op)
}

// tag is the group of a path in the document: what comes behind the version.
func tag(of string) string {
	parts := strings.Split(strings.TrimPrefix(of, prefix+"/"), "/")
	return strings.Trim(parts[0], "/")
}

// settings are huma's: JSON and nothing else, no documents of its own.
func settings() huma.Config {
	c := huma.DefaultConfig("Executioner", "1")
	c.OpenAPIPath, c.DocsPath, c.SchemasPath, c.CreateHooks = "", "", "", nil
	c.Formats = map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat} // "json" is for problem+json
	c.Transformers = []huma.Transformer{ours}
	c.RejectUnknownQueryParameters = true
	c.Info.Description = "Runs workflows, and can always resume them. Errors are RFC 9457 problems with a code of a closed list."
	c.Components.Schemas = huma.NewMapRegistry("#/components/schemas/", schemaName)
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"token":    {Type: "http", Scheme: "bearer", Description: "an API token: exe_…"},
		"password": {Type: "http", Scheme: "basic"},
		"session":  {Type: "apiKey", In: "cookie", Name: plainCookie},
	}
	c.Components.Schemas.Schema(problemType, true, "Problem")
	c.Components.Schemas.RegisterTypeAlias(reflect.TypeFor[wire.Values](), reflect.TypeFor[valuesSchema]())
	return c
}

// valuesSchema describes wire.Values, which does not know huma.
type valuesSchema struct{}

// Schema says that a value is a text or what stands for one.
func (valuesSchema) Schema(huma.Registry) *huma.Schema {
	value := &huma.Schema{AnyOf: []*huma.Schema{{Type: huma.TypeString}, {Type: huma.TypeNumber}, {Type: huma.TypeBoolean}}}
	for _, s := range value.AnyOf {
		s.PrecomputeMessages()
	}
	return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: value}
}

// schemaName names the schema of a type. What is not of package wire has the package in its
// name, so that there are no two of one name.
func schemaName(t reflect.Type, hint string) string {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	name := huma.DefaultSchemaNamer(t, hint)
	if pkg := path.Base(t.PkgPath()); t.Name() != "" && pkg != "wire" && pkg != "api" && pkg != "." {
		name = strings.ToUpper(pkg[:1]) + pkg[1:] + name
	}
	return name
}

// document makes the OpenAPI document and serves it.
func (s *server) document(api huma.API) error {
	text, err := json.Marshal(api.OpenAPI())
	if err != nil {
		return errors.Join(errors.New("the OpenAPI document can't be written"), err)
	}
	s.openapi = text
	return nil
}

// adapter registers what huma makes of the table with a mux, behind the guard.
type adapter struct {
	server  *server
	api     huma.API
	rows    map[string]*route
	refused error
}

// Handle registers an operation that has a row in the table. Another is refused.
func (a *adapter) Handle(op *huma.Operation, handler func(huma.Context)) {
	r := a.rows[op.Method+" "+op.Path]
	if r == nil || r.typed == nil {
		a.refused = fmt.Errorf("%s %s has no row in the table of routes", op.Method, op.Path)
		return
	}
	a.server.patterns.HandleFunc(r.pattern(), a.server.guard(r, func(w http.ResponseWriter, req *http.Request) {
		handler(&humaContext{inner: humago.NewContext(op, req, w)})
	}))
}

// ServeHTTP is what huma wants of an adapter.
func (a *adapter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.server.patterns.ServeHTTP(w, r)
}

// inner is huma's context under a name that is not one of its methods'.
type inner = huma.Context

// humaContext lets an error have another status than the one huma gave it.
type humaContext struct {
	inner
	status int // instead of huma's, when it is not 0
}

// Unwrap returns the context of the adapter below.
func (c *humaContext) Unwrap() huma.Context { return c.inner }

// SetStatus begins the answer.
func (c *humaContext) SetStatus(status int) {
	if c.status != 0 {
		status = c.status
	}
	c.inner.SetStatus(status)
}
