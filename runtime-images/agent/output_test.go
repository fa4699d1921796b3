package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestOutputIsBoundedWhereThatIsAskedFor(t *testing.T) {
	a := newTestAgent(t)
	got := a.start(with(process("sh", "-c", "head -c 300000 /dev/zero; exit 5"), "thaw", startAsk{"maxOutputBytes": 1000}))
	if len(got.stdout) != 1000 || !got.end.Truncated || got.end.ExitCode != 5 {
		t.Fatalf("%d %+v", len(got.stdout), got.end)
	}
	if got := a.start(with(process("printf", "12345"), "thaw", startAsk{"maxOutputBytes": 5})); got.stdout != "12345" || got.end.Truncated {
		t.Fatalf("%+v", got)
	}
}

func TestEverythingOfALargeOutputIsSent(t *testing.T) {
	got := newTestAgent(t).shell("i=0; while [ $i -lt 60000 ]; do echo line $i; i=$((i+1)); done")
	lines := strings.Split(got.stdout, "\n")
	if len(lines) != 60001 {
		t.Fatal(len(lines))
	}
	for i, line := range lines[:60000] {
		if line != "line "+strconv.Itoa(i) {
			t.Fatal(i, line)
		}
	}
}

func TestASlowReaderMakesTheProcessWait(t *testing.T) {
	a := newTestAgent(t)
	stream := a.open("process.Process/Start", process("sh", "-c", "head -c 16000000 /dev/zero; echo >&2 all"))
	var got heard
	got.until(stream, "its start", func() bool { return got.pid != 0 })
	time.Sleep(500 * time.Millisecond)
	one, err := a.agent.sessions.find(selector{Pid: &got.pid})
	if err != nil || one.exited.Load() {
		t.Fatal("it was not held up", err)
	}
	if got.rest(stream); len(got.stdout) != 16000000 || got.stderr != "all\n" {
		t.Fatal(len(got.stdout))
	}
}

func TestAChildLeftBehindIsNotWaitedForAndNotStopped(t *testing.T) {
	began := time.Now()
	list := filepath.Join(t.TempDir(), "ids")
	a := newTestAgent(t)
	got := a.shell("(sleep 1; head -c 200000 /dev/zero; touch " + list + ".went; sleep 600) & echo $! > " + list + "; echo done")
	if got.stdout != "done\n" || got.end == nil || got.end.ExitCode != 0 || time.Since(began) > 900*time.Millisecond {
		t.Fatalf("%+v", got)
	}
	id, _ := strconv.Atoi(strings.TrimSpace(readTestFile(t, list)))
	defer syscall.Kill(-got.pid, syscall.SIGKILL)
	eventually(t, "its going on", func() bool { _, err := os.Stat(list + ".went"); return err == nil })
	if err := syscall.Kill(id, 0); err != nil {
		t.Fatal("the child was killed")
	}
}
