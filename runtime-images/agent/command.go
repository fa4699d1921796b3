package main

import (
	"os"
	"path/filepath"
	"sort"
	"strings"
	"syscall"
)

// defaultPath is where commands are looked for when the caller's environment has no PATH.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// command is a process to be, whoever asks for it.
type command struct {
	Argv []string          `json:"argv"`
	Env  map[string]string `json:"env"`
	Cwd  string            `json:"cwd"`  // empty: the user's home
	User string            `json:"user"` // empty: app
}

// check refuses what no process could be made of.
func (c *command) check() error {
	if len(c.Argv) == 0 || c.Argv[0] == "" {
		return badRequest("argv must name a program")
	}
	for _, word := range c.Argv {
		if strings.IndexByte(word, 0) >= 0 {
			return badRequest("argv must hold no NUL byte")
		}
	}
	for key, value := range c.Env {
		if key == "" || strings.ContainsAny(key, "=\x00") || strings.IndexByte(value, 0) >= 0 {
			return badRequest("env has a name or a value that no environment can hold: " + key)
		}
	}
	return nil
}

// prepare makes a command ready to start: in its own session, as its user.
// An error here is the caller's to show as a failure to start.
func (c *command) prepare(who account) (*program, error) {
	cwd := c.Cwd
	if cwd == "" {
		cwd = who.home
	}
	if info, err := os.Stat(cwd); err != nil || !info.IsDir() {
		return nil, &startFailure{"working directory " + cwd + " is not there"}
	}
	env := c.environment(who)
	path, err := findProgram(c.Argv[0], env, cwd)
	if err != nil {
		return nil, err
	}
	return &program{path, c.Argv, os.ProcAttr{
		Dir: cwd,
		Env: env,
		Sys: &syscall.SysProcAttr{Setsid: true, Credential: who.credential()},
	}}, nil
}

// environment is what was given and nothing of the agent's own, with PATH, HOME, USER and LANG filled in where absent.
func (c *command) environment(who account) []string {
	env := []string{}
	for key, value := range c.Env {
		env = append(env, key+"="+value)
	}
	fallback := [][2]string{{"PATH", defaultPath}, {"HOME", who.home}, {"USER", who.name}, {"LANG", "C.UTF-8"}}
	for _, pair := range fallback {
		if _, given := c.Env[pair[0]]; !given {
			env = append(env, pair[0]+"="+pair[1])
		}
	}
	sort.Strings(env)
	return env
}

// findProgram does what execvp(3) does, with the PATH of the new environment and not of the agent's.
func findProgram(name string, env []string, cwd string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	for _, entry := range env {
		if !strings.HasPrefix(entry, "PATH=") {
			continue
		}
		for _, dir := range filepath.SplitList(entry[len("PATH="):]) {
			if !filepath.IsAbs(dir) {
				dir = filepath.Join(cwd, dir)
			}
			candidate := filepath.Join(dir, name)
			if info, err := os.Stat(candidate); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0 {
				return candidate, nil
			}
		}
	}
	return "", &startFailure{name + ": command not found"}
}
