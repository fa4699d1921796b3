package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// family is a script that starts children in the same group, in a group of their own, and notes all ids.
func family(list string) string {
	return `exec 3>` + list + `; echo $$ >&3; sleep 600 & echo $! >&3; set -m; sleep 600 & echo $! >&3; wait`
}

func familyOf(t *testing.T, list string) []int {
	var ids []int
	eventually(t, "three processes", func() bool {
		ids = nil
		content, _ := os.ReadFile(list)
		for _, word := range strings.Fields(string(content)) {
			id, _ := strconv.Atoi(word)
			ids = append(ids, id)
		}
		return len(ids) == 3
	})
	return ids
}

func wantGone(t *testing.T, ids []int) {
	t.Helper()
	for _, id := range ids {
		id := id
		eventually(t, "the end of process "+strconv.Itoa(id), func() bool {
			stat, err := os.ReadFile("/proc/" + strconv.Itoa(id) + "/stat")
			return err != nil || bytes.Contains(stat, []byte(") Z ")) || syscall.Kill(id, 0) == syscall.ESRCH
		})
	}
}

func TestTheTimeLimitKillsTheWholeFamily(t *testing.T) {
	list := filepath.Join(t.TempDir(), "ids")
	began := time.Now()
	got := newTestAgent(t).start(process("bash", "-c", family(list)), "connect-timeout-ms", "400")
	if got.code != "deadline_exceeded" || got.end == nil || got.end.Signal != "SIGKILL" {
		t.Fatalf("%+v", got)
	}
	if time.Since(began) > 5*time.Second {
		t.Fatal("took too long")
	}
	wantGone(t, familyOf(t, list))
}

func TestTheTimeLimitHoldsWhenTheCallerLeft(t *testing.T) {
	a := newTestAgent(t)
	list := filepath.Join(t.TempDir(), "ids")
	stream := a.open("process.Process/Start", process("bash", "-c", family(list)), "connect-timeout-ms", "1500")
	ids := familyOf(t, list)
	stream.stop()
	wantGone(t, ids)
}

func TestAProcessGoesOnWhenItsCallerLeavesUnlessItIsAttached(t *testing.T) {
	a := newTestAgent(t)
	for _, attached := range []bool{false, true} {
		list := filepath.Join(t.TempDir(), "ids")
		ask := with(process("bash", "-c", family(list)), "thaw", startAsk{"attached": attached})
		stream := a.open("process.Process/Start", ask)
		var got heard
		got.until(stream, "its start", func() bool { return got.pid != 0 })
		ids := familyOf(t, list)
		stream.stop()
		if !attached {
			time.Sleep(100 * time.Millisecond)
			if syscall.Kill(got.pid, 0) != nil {
				t.Fatal("it ended")
			}
			a.call("process.Process/SendSignal", with(pidOf(got.pid), "signal", "SIGNAL_SIGKILL"), "", nil)
		}
		wantGone(t, ids)
	}
}

func TestWhoComesAgainGetsLaterOutputAndTheEnd(t *testing.T) {
	a := newTestAgent(t)
	gate := filepath.Join(t.TempDir(), "gate")
	if err := syscall.Mkfifo(gate, 0o600); err != nil {
		t.Fatal(err)
	}
	// The output that nobody reads is more than a pipe holds.
	script := "echo first; cat " + gate + "; head -c 300000 /dev/zero; echo > " + gate + ".done; cat " + gate + "; exit 7"
	stream := a.open("process.Process/Start", with(process("sh", "-c", script), "tag", "mine"))
	var first heard
	first.until(stream, "its first output", func() bool { return first.stdout == "first\n" })
	stream.stop()
	eventually(t, "the reader's leave", func() bool { return a.readers(first.pid) == 0 })
	open := func(text string) {
		if err := os.WriteFile(gate, []byte(text), 0); err != nil {
			t.Fatal(err)
		}
	}
	open("unread")
	eventually(t, "the end of what nobody reads", func() bool { _, err := os.Stat(gate + ".done"); return err == nil })
	again := a.open("process.Process/Connect", startAsk{"process": startAsk{"tag": "mine"}})
	byPid := a.open("process.Process/Connect", pidOf(first.pid))
	var second, third heard
	second.until(again, "its start", func() bool { return second.pid == first.pid })
	third.until(byPid, "its start", func() bool { return third.pid == first.pid })
	open("read")
	second.rest(again)
	third.rest(byPid)
	for _, got := range []heard{second, third} {
		if got.stdout != "read" || got.end == nil || got.end.ExitCode != 7 {
			t.Fatalf("%+v", got)
		}
	}
	var late heard
	if late.rest(a.open("process.Process/Connect", pidOf(first.pid))); late.pid != first.pid || late.end == nil || late.end.ExitCode != 7 {
		t.Fatalf("%+v", late)
	}
}

// readers is how many read the output of a process.
func (t *testAgent) readers(pid int) int {
	one, err := t.agent.sessions.find(selector{Pid: &pid})
	if err != nil {
		t.Fatal(err)
	}
	one.mu.Lock()
	defer one.mu.Unlock()
	return len(one.readers)
}

func TestSignsOfLifeComeWhereTheyAreAskedFor(t *testing.T) {
	if got := newTestAgent(t).start(process("sleep", "2.5"), "keepalive-ping-interval", "1"); got.alive != 2 || got.end == nil {
		t.Fatalf("%+v", got)
	}
}

func TestAConnectionHasATimeLimitOfItsOwn(t *testing.T) {
	a := newTestAgent(t)
	stream := a.open("process.Process/Start", process("sleep", "600"))
	var got heard
	got.until(stream, "its start", func() bool { return got.pid != 0 })
	var other heard
	other.rest(a.open("process.Process/Connect", pidOf(got.pid), "connect-timeout-ms", "200"))
	if other.code != "deadline_exceeded" || other.end != nil || syscall.Kill(got.pid, 0) != nil {
		t.Fatalf("%+v", other)
	}
}
