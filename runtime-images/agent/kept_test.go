package main

import (
	"strings"
	"syscall"
	"testing"
)

func after(pid int, position uint64) startAsk {
	return with(pidOf(pid), "thaw", startAsk{"after": position})
}

func keeping(bytes int, script string) startAsk {
	return with(process("sh", "-c", script), "thaw", startAsk{"keepOutputBytes": bytes})
}

func TestOutputIsKeptForThoseWhoComeLater(t *testing.T) {
	a := newTestAgent(t)
	stream, got := a.running(keeping(1000, "echo one; echo two >&2; kill -STOP $$; echo three; exit 4"))
	got.until(stream, "its first lines", func() bool { return got.stdout == "one\n" && got.stderr == "two\n" })
	stream.stop()
	var late, again heard
	later := a.open("process.Process/Connect", after(got.pid, 0))
	late.until(later, "what was written before", func() bool { return late.stdout == "one\n" && late.stderr == "two\n" })
	if late.position != 0 {
		t.Fatal(late.position)
	}
	_ = syscall.Kill(got.pid, syscall.SIGCONT)
	if late.rest(later); late.stdout != "one\nthree\n" || late.end.ExitCode != 4 {
		t.Fatalf("%+v", late)
	}
	// It has ended, and is still told of, from any position.
	if again.rest(a.open("process.Process/Connect", after(got.pid, 8))); again.stdout != "three\n" || again.position != 8 || again.end.ExitCode != 4 {
		t.Fatalf("%+v", again)
	}
	var behind heard
	if behind.rest(a.open("process.Process/Connect", after(got.pid, 1<<40))); behind.stdout != "" || behind.position != 14 {
		t.Fatalf("%+v", behind)
	}
	// Who asks for no position hears what is written from then on, as E2B has it.
	var plain heard
	if plain.rest(a.open("process.Process/Connect", pidOf(got.pid))); plain.stdout != "" || plain.end.ExitCode != 4 {
		t.Fatalf("%+v", plain)
	}
}

func TestOfALargeOutputTheNewestIsKept(t *testing.T) {
	a := newTestAgent(t)
	got := a.start(keeping(100_000, "i=0; while [ $i -lt 50000 ]; do echo $i; i=$((i+1)); done"))
	var late heard
	late.rest(a.open("process.Process/Connect", after(got.pid, 0)))
	whole := len(got.stdout)
	if late.position+uint64(len(late.stdout)) != uint64(whole) || len(late.stdout) > 100_000 || len(late.stdout) < 60_000 {
		t.Fatal(late.position, len(late.stdout), whole)
	}
	if !strings.HasSuffix(got.stdout, late.stdout) {
		t.Fatal("other than what was written")
	}
}

func TestSmallPiecesInTurnsStayBounded(t *testing.T) {
	kept := keptOutput{most: 1 << 20}
	for i := 0; i < 100_000; i++ {
		kept.add(outputPiece{[]string{streamStdout, streamStderr}[i%2], []byte{byte(i)}})
	}
	position, pieces := kept.from(0)
	if len(pieces) != keptPieces || position != uint64(100_000-keptPieces) || kept.size != keptPieces {
		t.Fatal(len(pieces), position, kept.size)
	}
}
