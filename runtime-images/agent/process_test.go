package main

import (
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

func shellProcess(script string) map[string]interface{} {
	return map[string]interface{}{"name": "app", "argv": []string{"bash", "-c", script}, "cwd": "/"}
}

func (t *testAgent) lines() []string {
	var lines []string
	entries, _ := t.agent.logs.after(0)
	for _, entry := range entries {
		lines = append(lines, entry.Stream+":"+entry.Line)
	}
	return lines
}

func TestProcessIsShownWhileItRunsAndAfterItsEnd(t *testing.T) {
	a := newTestAgent(t)
	a.want(http.StatusNotFound, "GET", "/process", nil, nil)
	var state processState
	a.want(http.StatusOK, "POST", "/process", shellProcess("echo up; sleep 600"), &state)
	if state.Name != "app" || state.Pid == 0 || !state.Running || state.Code != nil || state.Signal != nil || state.StartedAt == "" {
		t.Fatalf("%+v", state)
	}
	a.want(http.StatusConflict, "POST", "/process", shellProcess("true"), nil)
	a.want(http.StatusOK, "DELETE", "/process", nil, &state)
	if state.Running || state.Signal == nil || *state.Signal != "SIGTERM" {
		t.Fatalf("%+v", state)
	}
	a.want(http.StatusOK, "GET", "/process", nil, &state)
	a.want(http.StatusOK, "DELETE", "/process", nil, &state)
	a.want(http.StatusOK, "POST", "/process", shellProcess("sleep 600"), &state)
}

func TestProcessThatCannotStartIsUnprocessable(t *testing.T) {
	a := newTestAgent(t)
	status, body := a.ask("POST", "/process", map[string]interface{}{"argv": []string{"no-such-program"}, "cwd": "/"})
	if status != http.StatusUnprocessableEntity || !strings.Contains(string(body), "command not found") {
		t.Fatalf("%d %s", status, body)
	}
}

func TestWhatAProcessLeavesBehindIsKilled(t *testing.T) {
	a := newTestAgent(t)
	list := filepath.Join(t.TempDir(), "ids")
	a.want(http.StatusOK, "POST", "/process", shellProcess(strings.TrimSuffix(family(list), "; wait")), nil)
	<-a.agent.process.latest().done
	wantGone(t, familyOf(t, list))
}

func TestLastLinesAreInTheLogWhenTheEndIsTold(t *testing.T) {
	a := newTestAgent(t)
	a.want(http.StatusOK, "POST", "/process", shellProcess("echo one; echo two >&2; printf three; exit 7"), nil)
	var answer waitAnswer
	a.want(http.StatusOK, "GET", "/wait?port=1&timeoutMs=10000", nil, &answer)
	if answer.Listening || answer.Exited == nil || answer.Exited.Code == nil || *answer.Exited.Code != 7 {
		t.Fatalf("%+v", answer)
	}
	if got := strings.Join(a.lines(), " "); !strings.Contains(got, "stdout:one") || !strings.Contains(got, "stderr:two") || !strings.Contains(got, "stdout:three") {
		t.Fatal(got)
	}
}

func TestWaitTellsOfAnExitAtOnce(t *testing.T) {
	a := newTestAgent(t)
	a.want(http.StatusOK, "POST", "/process", shellProcess("exit 0"), nil)
	began := time.Now()
	_, body := a.ask("GET", "/wait?port=1&timeoutMs=60000", nil)
	if time.Since(began) > 5*time.Second || string(body) != `{"listening":false,"exited":{"code":0,"signal":null}}`+"\n" {
		t.Fatalf("%s", body)
	}
}

func TestWaitEndsWhenSomethingListens(t *testing.T) {
	a := newTestAgent(t)
	free, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	port := strconv.Itoa(free.Addr().(*net.TCPAddr).Port)
	free.Close()
	answers := make(chan string)
	go func() {
		_, body := a.ask("GET", "/wait?port="+port+"&timeoutMs=10000", nil)
		answers <- string(body)
	}()
	listener, err := net.Listen("tcp4", address)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if got := <-answers; got != `{"listening":true,"loopbackOnly":true}`+"\n" {
		t.Fatal(got)
	}
	listener.Close()
	everywhere, err := net.Listen("tcp", ":"+port)
	if err != nil {
		t.Fatal(err)
	}
	defer everywhere.Close()
	if _, body := a.ask("GET", "/wait?port="+port, nil); string(body) != `{"listening":true}`+"\n" {
		t.Fatalf("%s", body)
	}
}

func TestWaitTimesOut(t *testing.T) {
	a := newTestAgent(t)
	if _, body := a.ask("GET", "/wait?port=1&timeoutMs=40", nil); string(body) != `{"listening":false,"timedOut":true}`+"\n" {
		t.Fatalf("%s", body)
	}
	for _, query := range []string{"", "port=0", "port=65536", "port=x", "port=80&timeoutMs=x"} {
		a.want(http.StatusBadRequest, "GET", "/wait?"+query, nil, nil)
	}
}

func TestSocketTableIsRead(t *testing.T) {
	table := []byte("  sl  local_address rem_address   st tx_queue\n" +
		"   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000\n" +
		"   1: 00000000:1F91 00000000:0000 0A 00000000:00000000\n" +
		"   2: 00000000:1F92 00000000:0000 01 00000000:00000000\n" +
		"   3: 00000000000000000000000001000000:1F93 00000000000000000000000000000000:0000 0A 0\n" +
		"   4: 00000000000000000000000000000000:1F94 00000000000000000000000000000000:0000 0A 0\n" +
		"   5: 0000000000000000FFFF00000100007F:1F95 00000000000000000000000000000000:0000 0A 0\n")
	for port, want := range map[uint16]listener{8080: onLoopback, 8081: onNetwork, 8082: nobody, 8083: onLoopback, 8084: onNetwork, 8085: onLoopback, 8086: nobody} {
		if got := listeningIn(table, port); got != want {
			t.Errorf("port %d: %d, wanted %d", port, got, want)
		}
	}
}

// TestProcessBeginsInsideItsGroup puts plain files in place of a control group: the process itself reads that it was moved.
func TestProcessBeginsInsideItsGroup(t *testing.T) {
	a := newTestAgent(t)
	dir := t.TempDir()
	writeTestFile(t, filepath.Join(dir, "cgroup.procs"), "")
	limit, err := os.Create(filepath.Join(dir, "pids.max"))
	if err != nil {
		t.Fatal(err)
	}
	defer limit.Close()
	a.agent.process.group = &cgroup{dir: dir, limit: int(limit.Fd())}
	ask := shellProcess(`echo $$ = $(cat ` + dir + `/cgroup.procs)`)
	ask["tasksMax"] = 256
	a.want(http.StatusOK, "POST", "/process", ask, nil)
	<-a.agent.process.latest().done
	pid := strconv.Itoa(a.agent.process.latest().pid)
	if got := a.lines(); len(got) != 1 || got[0] != "stdout:"+pid+" = "+pid {
		t.Fatal(got)
	}
	if got := readTestFile(t, filepath.Join(dir, "pids.max")); got != "256" {
		t.Fatal(got)
	}
	if end := a.agent.process.latest().end; end.Code == nil || *end.Code != 0 {
		t.Fatalf("%+v", end)
	}
}

func TestTimersOfAChildArePunctual(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root may change the slack of another thread")
	}
	if err := quietMonitor(); err != nil {
		t.Fatal(err)
	}
	a := newTestAgent(t)
	for i := 0; i < 20; i++ {
		if got := a.shell("cat /proc/$$/timerslack_ns"); got.stdout != "50000\n" {
			t.Fatalf("%+v", got)
		}
	}
}
