package main

import (
	"crypto/md5"
	"encoding/hex"
	"strings"
	"testing"
)

func md5Of(text string) string {
	sum := md5.Sum([]byte(text))
	return hex.EncodeToString(sum[:])
}

func terminal(cols, rows int, words ...string) startAsk {
	return with(process(words...), "pty", startAsk{"size": startAsk{"cols": cols, "rows": rows}})
}

func typed(pid int, text string) startAsk {
	return with(pidOf(pid), "input", startAsk{"pty": base64Of(text)})
}

func TestATerminalIsOneAndKnowsItsSize(t *testing.T) {
	a := newTestAgent(t)
	stream, got := a.running(terminal(90, 30, "sh", "-c", "trap 'stty size' WINCH; tty; stty size; echo $TERM; until [ \"$line\" = two ]; do read line; done; echo got $line; exit 6"))
	got.until(stream, "its size", func() bool { return strings.Contains(got.pty, "30 90\r\nxterm\r\n") })
	if !strings.HasPrefix(got.pty, "/dev/pts/") || got.stdout != "" {
		t.Fatalf("%+v", got)
	}
	a.call("process.Process/Update", with(pidOf(got.pid), "pty", startAsk{"size": startAsk{"cols": 120, "rows": 40}}), "", nil)
	a.call("process.Process/SendInput", typed(got.pid, "one\n"), "", nil)
	got.until(stream, "its new size", func() bool { return strings.Contains(got.pty, "40 120\r\n") })
	a.call("process.Process/SendInput", with(pidOf(got.pid), "input", startAsk{"stdin": "eA=="}), "failed_precondition", nil)
	a.call("process.Process/CloseStdin", pidOf(got.pid), "failed_precondition", nil)
	a.call("process.Process/SendInput", typed(got.pid, "two\n"), "", nil)
	if got.rest(stream); got.end.ExitCode != 6 || !strings.Contains(got.pty, "got two\r\n") {
		t.Fatalf("%+v", got)
	}
}

func TestATerminalControlsItsJobs(t *testing.T) {
	a := newTestAgent(t)
	stream, got := a.running(terminal(80, 24, "bash", "--norc", "-i"))
	// The shell writes the two halves together, so the echo of what is typed is not taken for it.
	a.call("process.Process/SendInput", typed(got.pid, "sh -c 'echo rea\"\"dy; exec sleep 600'\n"), "", nil)
	got.until(stream, "the job", func() bool { return strings.Contains(got.pty, "ready") })
	a.call("process.Process/SendInput", typed(got.pid, "\x03"), "", nil)
	a.call("process.Process/SendInput", typed(got.pid, "echo status $?; exit 9\n"), "", nil)
	if got.rest(stream); !strings.Contains(got.pty, "status 130") || got.end.ExitCode != 9 {
		t.Fatalf("%q %+v", got.pty, got.end)
	}
}

func TestTheLastWordsOnATerminalAreNotLost(t *testing.T) {
	a := newTestAgent(t)
	for i := 0; i < 20; i++ {
		if got := a.start(terminal(80, 24, "sh", "-c", "head -c 20000 /dev/zero | tr '\\0' x; echo; echo last")); !strings.HasSuffix(got.pty, "x\r\nlast\r\n") || len(got.pty) != 20008 {
			t.Fatalf("%d %+v", len(got.pty), got.end)
		}
	}
}

func TestAShellWhoseTerminalHasNoReaderGoesOn(t *testing.T) {
	a := newTestAgent(t)
	stream, got := a.running(terminal(80, 24, "sh", "-c", "read line; head -c 300000 /dev/zero; read line; echo back"))
	stream.stop()
	eventually(t, "the reader's leave", func() bool { return a.readers(got.pid) == 0 })
	a.call("process.Process/SendInput", typed(got.pid, "\n"), "", nil)
	again := a.open("process.Process/Connect", pidOf(got.pid))
	var later heard
	later.until(again, "its start", func() bool { return later.pid == got.pid })
	a.call("process.Process/SendInput", typed(got.pid, "\n"), "", nil)
	if later.rest(again); !strings.HasSuffix(later.pty, "back\r\n") {
		t.Fatalf("%q", later.pty)
	}
}
