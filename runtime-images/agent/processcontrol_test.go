package main

import (
	"bytes"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func TestListShowsWhatRuns(t *testing.T) {
	a := newTestAgent(t)
	ask := startAsk{"process": startAsk{"cmd": "sleep", "args": []string{"600"}, "envs": startAsk{"A": "b"}, "cwd": "/"}, "tag": "t"}
	var first, second heard
	one := a.open("process.Process/Start", ask)
	first.until(one, "its start", func() bool { return first.pid != 0 })
	other := a.open("process.Process/Start", process("sleep", "601"))
	second.until(other, "its start", func() bool { return second.pid != 0 })
	_, body := a.askList()
	want := `{"processes":[{"config":{"cmd":"sleep","args":["600"],"envs":{"A":"b"},"cwd":"/"},"pid":` + strconv.Itoa(first.pid) + `,"tag":"t"},` +
		`{"config":{"cmd":"sleep","args":["601"]},"pid":` + strconv.Itoa(second.pid) + `}]}`
	if strings.TrimSpace(body) != want {
		t.Fatal(body)
	}
	a.call("process.Process/SendSignal", with(startAsk{"process": startAsk{"tag": "t"}}, "signal", 15), "", nil)
	if first.rest(one); first.end.Signal != "SIGTERM" {
		t.Fatalf("%+v", first.end)
	}
	if _, body := a.askList(); strings.Contains(body, `"tag"`) {
		t.Fatal(body)
	}
	a.call("process.Process/SendSignal", with(pidOf(first.pid), "signal", "SIGNAL_SIGTERM"), "not_found", nil)
	a.call("process.Process/SendSignal", with(pidOf(second.pid), "signal", "SIGNAL_NONE"), "invalid_argument", nil)
	a.call("process.Process/SendSignal", with(pidOf(second.pid), "signal", 0), "invalid_argument", nil)
	a.call("process.Process/SendSignal", startAsk{"signal": 9}, "invalid_argument", nil)
}

func (t *testAgent) askList() (int, string) {
	t.Helper()
	response, err := http.Post(t.url+"/process.Process/List", "application/json", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var body bytes.Buffer
	_, _ = body.ReadFrom(response.Body)
	return response.StatusCode, body.String()
}

func TestASignalReachesTheWholeGroup(t *testing.T) {
	a := newTestAgent(t)
	list := filepath.Join(t.TempDir(), "ids")
	script := "echo $$ >> " + list + "; sh -c 'echo $$ >> " + list + "; sleep 600; true' & sh -c 'echo $$ >> " + list + "; sleep 600; true' & wait; wait"
	stream := a.open("process.Process/Start", process("sh", "-c", script))
	ids := familyOf(t, list)
	a.call("process.Process/SendSignal", with(pidOf(ids[0]), "signal", "SIGNAL_SIGTERM"), "", nil)
	var got heard
	if got.rest(stream); got.end.Signal != "SIGTERM" {
		t.Fatalf("%+v", got)
	}
	wantGone(t, ids)
}
