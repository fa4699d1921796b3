package main

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

type startAsk = map[string]interface{}

// heardEnd is the end event.
type heardEnd struct {
	ExitCode              int
	Exited, Truncated     bool
	Status, Error, Signal string
}

// heard is a whole answer of Start or Connect.
type heard struct {
	pid                 int
	position            uint64
	stdout, stderr, pty string
	alive               int // signs of life
	end                 *heardEnd
	code, message       string // of the error that the stream ended with
}

type heardEvent struct {
	Event struct {
		Start *struct {
			Pid      int
			Position uint64
		}
		Data      *struct{ Stdout, Stderr, PTY []byte }
		End       *heardEnd
		Keepalive *struct{}
	}
}

// take reads one event; false at the end of the stream.
func (h *heard) take(stream *testStream) bool {
	stream.t.Helper()
	var event heardEvent
	more, code, message := stream.next(&event)
	h.code, h.message = code, message
	switch {
	case event.Event.Start != nil:
		h.pid, h.position = event.Event.Start.Pid, event.Event.Start.Position
	case event.Event.Data != nil:
		h.stdout += string(event.Event.Data.Stdout)
		h.stderr += string(event.Event.Data.Stderr)
		h.pty += string(event.Event.Data.PTY)
	case event.Event.End != nil:
		h.end = event.Event.End
	case event.Event.Keepalive != nil:
		h.alive++
	}
	return more
}

// until reads events until something is so.
func (h *heard) until(stream *testStream, what string, is func() bool) {
	stream.t.Helper()
	for !is() {
		if !h.take(stream) {
			stream.t.Fatalf("the stream ended before: %s: %+v", what, h)
		}
	}
}

func (h *heard) rest(stream *testStream) {
	stream.t.Helper()
	for h.take(stream) {
	}
}

func (t *testAgent) start(ask startAsk, headers ...string) heard {
	t.Helper()
	var all heard
	all.rest(t.open("process.Process/Start", ask, headers...))
	return all
}

func process(words ...string) startAsk {
	return startAsk{"process": startAsk{"cmd": words[0], "args": words[1:]}, "stdin": false}
}

func with(ask startAsk, key string, value interface{}) startAsk {
	ask[key] = value
	return ask
}

func (t *testAgent) shell(script string) heard {
	t.Helper()
	return t.start(process("sh", "-c", script))
}

func pidOf(pid int) startAsk { return startAsk{"process": startAsk{"pid": pid}} }

func TestStartSendsOutputAndExitCode(t *testing.T) {
	a := newTestAgent(t)
	got := a.shell("echo out; echo err >&2; exit 3")
	if got.pid == 0 || got.stdout != "out\n" || got.stderr != "err\n" || got.code != "" {
		t.Fatalf("%+v", got)
	}
	if *got.end != (heardEnd{ExitCode: 3, Exited: true, Status: "exit status 3", Error: "exit status 3"}) {
		t.Fatalf("%+v", got.end)
	}
	if got := a.shell("true"); *got.end != (heardEnd{Exited: true, Status: "exit status 0"}) {
		t.Fatalf("%+v", got.end)
	}
}

func TestStartNamesTheSignal(t *testing.T) {
	got := newTestAgent(t).shell("kill -KILL $$")
	if *got.end != (heardEnd{ExitCode: -1, Status: "signal: killed", Error: "signal: killed", Signal: "SIGKILL"}) {
		t.Fatalf("%+v", got.end)
	}
}

func TestStartGivesTheEnvironmentAndThePlaceAskedFor(t *testing.T) {
	t.Setenv("OF_THE_AGENT", "1")
	a := newTestAgent(t)
	ask := startAsk{"process": startAsk{"cmd": "sh", "args": []string{"-c", "pwd; env"}, "envs": startAsk{"A": "b c", "LANG": "C"}}}
	lines := strings.Split(strings.TrimSpace(a.start(ask).stdout), "\n")
	if lines[0] != a.home {
		t.Fatal(lines)
	}
	names := map[string]bool{}
	for _, line := range lines[1:] {
		names[strings.SplitN(line, "=", 2)[0]] = true
	}
	delete(names, "PWD") // dash sets it
	if len(names) != 5 || !names["A"] || !names["PATH"] || !names["HOME"] || !names["USER"] || !names["LANG"] {
		t.Fatal(lines)
	}
	below := filepath.Join(a.home, "below")
	if err := os.Mkdir(below, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, cwd := range []string{below, "below", "~/below", "./x/../below"} {
		ask := startAsk{"process": startAsk{"cmd": "pwd", "cwd": cwd}}
		if got := a.start(ask); got.stdout != below+"\n" {
			t.Errorf("%s: %+v", cwd, got)
		}
	}
}

func TestStartSaysWhyItCouldNot(t *testing.T) {
	a := newTestAgent(t)
	plain := filepath.Join(t.TempDir(), "plain")
	writeTestFile(t, plain, "no program")
	cases := map[string]startAsk{
		"plain: permission denied":    process(plain),
		"no such file":                process("/nowhere/at/all"),
		"mine: command not found":     process("mine"),
		"working directory /not-here": {"process": startAsk{"cmd": "true", "cwd": "/not-here"}},
		"another user":                {"process": startAsk{"cmd": "true", "cwd": "~root/x"}},
		"program":                     process(""),
		"NUL":                         process("a\x00b"),
		"environment":                 {"process": startAsk{"cmd": "true", "envs": startAsk{"A=B": "c"}}},
		"65535 columns":               with(process("true"), "pty", startAsk{"size": startAsk{"cols": 70000}}),
	}
	for want, ask := range cases {
		if got := a.start(ask); got.code != "invalid_argument" || !strings.Contains(got.message, want) || got.end != nil {
			t.Errorf("wanted %q: %+v", want, got)
		}
	}
	if running := a.agent.sessions.list(); len(running) != 0 {
		t.Fatal(running)
	}
}

// base64Of is how bytes stand in JSON.
func base64Of(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
