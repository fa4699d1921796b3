package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
)

// defaultUser is who runs commands and owns files where a call of E2B's schema names nobody.
const defaultUser = "user"

// pathMost is the kernel's PATH_MAX, in bytes with the NUL at the end.
const pathMost = 4096

// defaults is what POST /init sets for all calls that come after.
type defaults struct {
	mu      sync.Mutex
	user    string // empty: defaultUser
	workdir string // absolute; empty: the user's home
	envs    map[string]string
}

// initRequest is the body of POST /init. What else E2B's own control plane sends there is not the agent's to know: the clock
// comes with a thaw, and tokens are checked at the edge.
type initRequest struct {
	EnvVars        map[string]string `json:"envVars"` // all of them; absent: those before stay
	DefaultUser    string            `json:"defaultUser"`
	DefaultWorkdir string            `json:"defaultWorkdir"`
}

// initialize answers POST /init.
func (a *agent) initialize(w http.ResponseWriter, r *http.Request) {
	var ask initRequest
	body, err := readMessage(r.Body)
	if err == nil {
		err = parseMessage(body, &ask)
	}
	if err == nil {
		err = (&command{Argv: []string{"-"}, Env: ask.EnvVars}).check()
	}
	if err == nil && ask.DefaultUser != "" {
		_, err = a.accountOf(ask.DefaultUser)
	}
	if err == nil && ask.DefaultWorkdir != "" && (!filepath.IsAbs(ask.DefaultWorkdir) || strings.IndexByte(ask.DefaultWorkdir, 0) >= 0) {
		err = invalidArgument("defaultWorkdir must be an absolute path")
	}
	if err != nil {
		answerHTTPError(w, err)
		return
	}
	a.defaults.mu.Lock()
	defer a.defaults.mu.Unlock()
	if ask.EnvVars != nil {
		a.defaults.envs = ask.EnvVars
	}
	if ask.DefaultUser != "" {
		a.defaults.user = ask.DefaultUser
	}
	if ask.DefaultWorkdir != "" {
		a.defaults.workdir = ask.DefaultWorkdir
	}
	w.WriteHeader(http.StatusNoContent)
}

// showEnvs answers GET /envs.
func (a *agent) showEnvs(w http.ResponseWriter, _ *http.Request) {
	answerJSON(w, http.StatusOK, a.defaults.environment(nil))
}

// environment is what the defaults and own make together; own wins.
func (d *defaults) environment(own map[string]string) map[string]string {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := make(map[string]string, len(d.envs)+len(own))
	for key, value := range d.envs {
		all[key] = value
	}
	for key, value := range own {
		all[key] = value
	}
	return all
}

// caller is the user that a call is for: the name in its basic authorization, or the default.
func (a *agent) caller(r *http.Request) (account, error) {
	name, _, _ := r.BasicAuth()
	return a.accountOf(name)
}

func (a *agent) accountOf(name string) (account, error) {
	if name == "" {
		a.defaults.mu.Lock()
		name = a.defaults.user
		a.defaults.mu.Unlock()
	}
	if name == "" {
		name = defaultUser
	}
	who, err := a.lookup(name)
	if err != nil {
		return account{}, &connectError{code: codeUnauthenticated, message: "no such user: " + shortened(name)}
	}
	return who, nil
}

// resolve makes a path of a call absolute: an empty one is the working directory, `~` and what is relative begin at the
// user's home.
func (a *agent) resolve(path string, who account) (string, error) {
	if strings.IndexByte(path, 0) >= 0 {
		return "", invalidArgument("the path holds a NUL byte")
	}
	if len(path) >= pathMost {
		return "", &os.PathError{Op: "resolve", Path: path, Err: syscall.ENAMETOOLONG}
	}
	switch {
	case path == "":
		a.defaults.mu.Lock()
		defer a.defaults.mu.Unlock()
		if a.defaults.workdir != "" {
			return filepath.Clean(a.defaults.workdir), nil
		}
		return filepath.Clean(who.home), nil
	case path == "~" || strings.HasPrefix(path, "~/"):
		return filepath.Join(who.home, path[1:]), nil
	case path[0] == '~':
		return "", invalidArgument("the home of another user has to be written out: " + shortened(path))
	case filepath.IsAbs(path):
		return filepath.Clean(path), nil
	}
	return filepath.Join(who.home, path), nil
}
