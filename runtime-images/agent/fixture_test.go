package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// testAgent is the HTTP side of an agent on a stand-in guest. What it still runs at the end of the test is stopped.
type testAgent struct {
	*testing.T
	url   string
	agent *agent
	home  string
}

func newTestAgent(t *testing.T) *testAgent {
	t.Helper()
	guest, err := standIn(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	logs := newLogRing(ringBytes, time.Now)
	a := &agent{
		started:   time.Now(),
		root:      guest.dir,
		lookup:    guest.lookup,
		logs:      logs,
		process:   &supervisor{logs: logs, now: time.Now},
		pending:   func() int64 { return 3 },
		closeIdle: func() {},
	}
	home := t.TempDir()
	a.lookup = func(name string) (account, error) {
		who, err := guest.lookup(name)
		who.home = home
		return who, err
	}
	loopback := net.IPv4(127, 0, 0, 1)
	door, err := openDoor(&net.TCPAddr{IP: loopback}, loopback, a)
	if err != nil {
		t.Fatal(err)
	}
	go door.serve()
	server := httptest.NewUnstartedServer(a.routes())
	server.Listener.Close()
	server.Listener = door
	server.Start()
	t.Cleanup(server.Close)
	t.Cleanup(func() {
		a.watchers.mu.Lock()
		defer a.watchers.mu.Unlock()
		for _, one := range a.watchers.byID {
			one.watch.file.Close()
		}
	})
	t.Cleanup(func() {
		for _, one := range a.sessions.list() {
			killSession(one.pid)
			<-one.ended
		}
	})
	t.Cleanup(func() {
		if run := a.process.latest(); run != nil && run.running() {
			a.process.killAll(run.pid)
			<-run.done
		}
	})
	return &testAgent{t, server.URL, a, home}
}

// ask sends a request and returns status and body. A body that is no reader is sent as JSON.
func (t *testAgent) ask(method, path string, body interface{}) (int, []byte) {
	t.Helper()
	var from io.Reader
	switch given := body.(type) {
	case nil:
	case io.Reader:
		from = given
	default:
		text, err := json.Marshal(given)
		if err != nil {
			t.Fatal(err)
		}
		from = bytes.NewReader(text)
	}
	request, err := http.NewRequest(method, t.url+path, from)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, text
}

// want sends a request, insists on the status, and decodes the answer.
func (t *testAgent) want(status int, method, path string, body, into interface{}) {
	t.Helper()
	got, text := t.ask(method, path, body)
	if got != status {
		t.Fatalf("%s %s: status %d, wanted %d: %s", method, path, got, status, text)
	}
	if into != nil {
		if err := json.Unmarshal(text, into); err != nil {
			t.Fatalf("%s %s: %v: %s", method, path, err, text)
		}
	}
}

// eventually waits for something that another process does.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("did not come about: " + what)
		}
	}
}

// writeTestFile puts a file into a folder.
func writeTestFile(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func readTestFile(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
