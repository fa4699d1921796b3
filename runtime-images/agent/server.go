package main

import (
	"encoding/json"
	"io"
	"net/http"
	"time"
)

// bodyLimit bounds a message, in bytes; a kernel's own limit on argv and env together is 2 MiB or more.
const bodyLimit = 8 << 20

// agent is everything the HTTP routes stand on.
type agent struct {
	started time.Time
	root    string // of a test's stand-ins for the guest's own files; empty in a guest
	lookup  func(name string) (account, error)
	logs    *logRing
	process *supervisor
	pending func() int64
	disks   dataDisks

	// What E2B's schema stands on; ready as it is.
	defaults defaults
	sessions sessions
	watchers watchers
	busy     busyMeter

	// closeIdle closes the HTTP connections on which nothing is asked at the moment.
	closeIdle func()
}

// routes maps method and path to its answer.
func (a *agent) routes() http.Handler {
	table := map[string]map[string]http.HandlerFunc{
		"/files":      {http.MethodGet: a.download, http.MethodPost: a.upload},
		"/init":       {http.MethodPost: a.initialize},
		"/envs":       {http.MethodGet: a.showEnvs},
		"/health":     {http.MethodGet: a.health},
		"/tree":       {http.MethodGet: a.getTree, http.MethodPut: a.putTree},
		"/process":    {http.MethodGet: a.showProcess, http.MethodPost: a.startProcess, http.MethodDelete: a.stopProcess},
		"/wait":       {http.MethodGet: a.wait},
		"/logs":       {http.MethodGet: a.streamLogs},
		"/logs/clear": {http.MethodPost: a.clearLogs},
		"/metrics":    {http.MethodGet: a.metrics},
		"/pending":    {http.MethodGet: a.showPending},
		"/settle":     {http.MethodPost: a.settle},

		"/disks":        {http.MethodPost: a.mountDisks},
		"/disks/sync":   {http.MethodPost: a.syncDisks},
		"/disks/freeze": {http.MethodPost: a.freezeDisks},
		"/disks/thaw":   {http.MethodPost: a.thawDisks},
		"/disks/grow":   {http.MethodPost: a.growDisk},
	}
	for path, answer := range a.services() {
		table[path] = map[string]http.HandlerFunc{http.MethodPost: answer}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		methods, known := table[r.URL.Path]
		if !known {
			answerError(w, notFound("no such route: "+r.URL.Path))
			return
		}
		answer, allowed := methods[r.Method]
		if !allowed {
			answerError(w, &refusal{http.StatusMethodNotAllowed, "method_not_allowed", r.Method + " is not answered here"})
			return
		}
		answer(w, r)
	})
}

// services are the methods of E2B's schema.
func (a *agent) services() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"/process.Process/List":                   unary(a.listSessions),
		"/process.Process/Start":                  a.startSession,
		"/process.Process/Connect":                a.connectSession,
		"/process.Process/Update":                 unary(a.updateSession),
		"/process.Process/StreamInput":            a.streamInput,
		"/process.Process/SendInput":              unary(a.sendInput),
		"/process.Process/CloseStdin":             unary(a.closeInput),
		"/process.Process/SendSignal":             unary(a.signalSession),
		"/filesystem.Filesystem/Stat":             unary(a.stat),
		"/filesystem.Filesystem/MakeDir":          unary(a.makeDir),
		"/filesystem.Filesystem/Move":             unary(a.move),
		"/filesystem.Filesystem/ListDir":          unary(a.listDir),
		"/filesystem.Filesystem/Remove":           unary(a.remove),
		"/filesystem.Filesystem/WatchDir":         a.watchDir,
		"/filesystem.Filesystem/CreateWatcher":    unary(a.createWatcher),
		"/filesystem.Filesystem/GetWatcherEvents": unary(a.watcherEvents),
		"/filesystem.Filesystem/RemoveWatcher":    unary(a.removeWatcher),
	}
}

// health answers GET /health. uptime is the agent's, in seconds.
func (a *agent) health(w http.ResponseWriter, _ *http.Request) {
	answerJSON(w, http.StatusOK, map[string]interface{}{"version": version, "uptime": time.Since(a.started).Seconds()})
}

// showPending answers GET /pending: the background work that runtimes last spoke of.
func (a *agent) showPending(w http.ResponseWriter, _ *http.Request) {
	answerJSON(w, http.StatusOK, map[string]int64{"pending": a.pending()})
}

// readJSON reads the whole body, which net/http needs before it notices that a caller hung up.
func readJSON(r *http.Request, into interface{}) error {
	body, err := io.ReadAll(io.LimitReader(r.Body, bodyLimit+1))
	if err != nil {
		return badRequest("body broke off")
	}
	if len(body) > bodyLimit {
		return tooLarge("body is larger than 8 MiB")
	}
	if err := json.Unmarshal(body, into); err != nil {
		return badRequest("body is not the JSON expected here: " + err.Error())
	}
	return nil
}

// flusher returns what pushes a partial answer out.
func flusher(w http.ResponseWriter) func() {
	if f, ok := w.(http.Flusher); ok {
		return f.Flush
	}
	return func() {}
}

// newServer serves the agent's routes. No timer runs on an idle connection: a frozen guest should not tick.
func newServer(a *agent) *http.Server {
	server := &http.Server{Handler: a.routes(), ReadHeaderTimeout: 10 * time.Second}
	a.closeIdle = func() {
		server.SetKeepAlivesEnabled(false) // closes those that are idle
		server.SetKeepAlivesEnabled(true)
	}
	return server
}
