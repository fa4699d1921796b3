package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

type heardChange struct {
	Name, Type string
	Entry      *heardEntry
}

func (c heardChange) String() string {
	text := strings.ToLower(strings.TrimPrefix(c.Type, "EVENT_TYPE_")) + " " + c.Name
	if c.Entry != nil {
		text += " " + c.Entry.Permissions // its size may be that of a moment later
	}
	return text
}

type watchMessage struct {
	Start      *struct{}
	Filesystem *heardChange
	Keepalive  *struct{}
}

// watching opens a watch and waits until it has begun.
func (t *testAgent) watching(ask startAsk, headers ...string) *testStream {
	t.Helper()
	stream := t.open("filesystem.Filesystem/WatchDir", ask, headers...)
	var first watchMessage
	if more, code, message := stream.next(&first); !more || first.Start == nil {
		t.Fatal(code, message)
	}
	return stream
}

// wantChanges reads as many changes as are wanted and compares them.
func wantChanges(stream *testStream, want ...string) {
	stream.t.Helper()
	for i, one := range want {
		var message watchMessage
		if more, code, said := stream.next(&message); !more || message.Filesystem == nil {
			stream.t.Fatal(code, said, message)
		}
		if got := message.Filesystem.String(); got != one {
			stream.t.Fatalf("change %d: %q, wanted %q", i, got, one)
		}
	}
}

func TestChangesOfADirectoryAreTold(t *testing.T) {
	a := newTestAgent(t)
	writeTestFile(t, filepath.Join(a.home, "sub/below"), "")
	stream := a.watching(startAsk{"path": "", "includeEntry": true})
	file := filepath.Join(a.home, "file")
	writeTestFile(t, file, "1234")
	wantChanges(stream, "create file -rw-r--r--", "write file -rw-r--r--")
	if err := os.Chmod(file, 0o600); err != nil {
		t.Fatal(err)
	}
	wantChanges(stream, "chmod file -rw-------")
	writeTestFile(t, filepath.Join(a.home, "sub/below"), "not told")
	if err := os.Rename(file, file+"2"); err != nil {
		t.Fatal(err)
	}
	wantChanges(stream, "rename file", "create file2 -rw-------")
	if err := os.Remove(file + "2"); err != nil {
		t.Fatal(err)
	}
	wantChanges(stream, "remove file2")
}

func TestAnUploadIsToldAsOneFileThatIsWritten(t *testing.T) {
	a := newTestAgent(t)
	stream := a.watching(at(""))
	a.upload(200, "file", strings.NewReader("new"))
	wantChanges(stream, "create file", "write file")
	a.upload(200, "file", strings.NewReader("newer"))
	wantChanges(stream, "create file", "write file")
	a.upload(200, "empty", strings.NewReader(""))
	wantChanges(stream, "create empty", "write empty")
}

func TestChangesBelowAreToldWhereThatIsAskedFor(t *testing.T) {
	a := newTestAgent(t)
	writeTestFile(t, filepath.Join(a.home, "old/file"), "")
	stream := a.watching(startAsk{"path": "", "recursive": true})
	// One change in one call: a file opened to be written anew is emptied first, which is a change of its own.
	if err := os.Truncate(filepath.Join(a.home, "old/file"), 1); err != nil {
		t.Fatal(err)
	}
	wantChanges(stream, "write old/file")
	// A tree that comes whole, and one that leaves and comes back under another name.
	outside := filepath.Join(t.TempDir(), "tree")
	writeTestFile(t, filepath.Join(outside, "in/side"), "")
	if err := os.Rename(outside, filepath.Join(a.home, "tree")); err != nil {
		t.Fatal(err)
	}
	wantChanges(stream, "create tree", "create tree/in", "create tree/in/side")
	if err := os.Rename(filepath.Join(a.home, "tree"), filepath.Join(a.home, "wood")); err != nil {
		t.Fatal(err)
	}
	wantChanges(stream, "rename tree", "create wood", "create wood/in", "create wood/in/side")
	writeTestFile(t, filepath.Join(a.home, "wood/in/side"), "x")
	wantChanges(stream, "write wood/in/side")
}

func TestATreeThatIsMadeMeanwhileIsToldOnce(t *testing.T) {
	a := newTestAgent(t)
	stream := a.watching(startAsk{"path": "", "recursive": true})
	const files = 200
	go func() {
		for i := 0; i < files; i++ {
			dir := filepath.Join(a.home, "t", strconv.Itoa(i%10), strconv.Itoa(i))
			_ = os.MkdirAll(dir, 0o755)
			_ = os.WriteFile(filepath.Join(dir, "f"), nil, 0o644)
		}
		_ = os.WriteFile(filepath.Join(a.home, "end"), nil, 0o644)
	}()
	created := map[string]int{}
	for created["end"] == 0 {
		var message watchMessage
		if more, code, said := stream.next(&message); !more {
			t.Fatal(code, said)
		}
		if message.Filesystem.Type == "EVENT_TYPE_CREATE" {
			created[message.Filesystem.Name]++
		}
	}
	for i := 0; i < files; i++ {
		name := fmt.Sprintf("t/%d/%d", i%10, i)
		if created[name] != 1 || created[name+"/f"] != 1 {
			t.Errorf("%s: %d, its file: %d", name, created[name], created[name+"/f"])
		}
	}
}

func TestChangesThatAreLostAreSpokenOf(t *testing.T) {
	limit, err := os.ReadFile("/proc/sys/fs/inotify/max_queued_events")
	if err != nil {
		t.Skip(err)
	}
	queue, _ := strconv.Atoi(strings.TrimSpace(string(limit)))
	watch, err := watchDirectory(t.TempDir(), false)
	if err != nil {
		t.Fatal(err)
	}
	defer watch.file.Close()
	names := [2]string{filepath.Join(watch.root, "a"), filepath.Join(watch.root, "b")}
	writeTestFile(t, names[0], "")
	for i := 0; i <= queue; i++ { // each is two changes; equal ones in a row would count once
		if err := os.Rename(names[i%2], names[1-i%2]); err != nil {
			t.Fatal(err)
		}
	}
	err = watch.follow(func(fileChange) bool { return true })
	if no := asConnectError(err); no.code != codeDataLoss {
		t.Fatal(err)
	}
}

func TestAWatchEndsWithItsCallerAndItsTime(t *testing.T) {
	a := newTestAgent(t)
	count := func() int {
		entries, _ := os.ReadDir("/proc/self/fd")
		n := 0
		for _, entry := range entries {
			if to, _ := os.Readlink("/proc/self/fd/" + entry.Name()); to == "anon_inode:inotify" {
				n++
			}
		}
		return n
	}
	before, routines := count(), runtime.NumGoroutine()
	var streams []*testStream
	for i := 0; i < 10; i++ {
		streams = append(streams, a.watching(at("")))
	}
	if count() != before+10 {
		t.Fatal(count())
	}
	for _, stream := range streams {
		stream.stop()
	}
	eventually(t, "the end of the watches", func() bool { return count() == before })
	eventually(t, "the end of the goroutines", func() bool { return runtime.NumGoroutine() <= routines+4 })
	stream := a.watching(at(""), "connect-timeout-ms", "1300", "keepalive-ping-interval", "1")
	var message watchMessage
	if more, _, _ := stream.next(&message); !more || message.Keepalive == nil {
		t.Fatal(message)
	}
	if _, code, _ := stream.next(&message); code != "deadline_exceeded" {
		t.Fatal(code)
	}
	eventually(t, "the end of the watch", func() bool { return count() == before })
}

func TestAWatcherKeepsChangesUntilItIsAsked(t *testing.T) {
	a := newTestAgent(t)
	var made struct{ WatcherID string }
	a.call("filesystem.Filesystem/CreateWatcher", startAsk{"path": "", "recursive": true, "includeEntry": true}, "", &made)
	which := startAsk{"watcherId": made.WatcherID}
	var all []string
	ask := func() {
		var got struct{ Events []heardChange }
		a.call("filesystem.Filesystem/GetWatcherEvents", which, "", &got)
		for _, one := range got.Events {
			all = append(all, one.String())
		}
	}
	ask()
	writeTestFile(t, filepath.Join(a.home, "file"), "1")
	eventually(t, "the changes", func() bool { ask(); return len(all) == 2 })
	if strings.Join(all, ", ") != "create file -rw-r--r--, write file -rw-r--r--" {
		t.Fatal(all)
	}
	a.call("filesystem.Filesystem/RemoveWatcher", which, "", nil)
	a.call("filesystem.Filesystem/GetWatcherEvents", which, "not_found", nil)
	a.call("filesystem.Filesystem/RemoveWatcher", which, "not_found", nil)
}

func TestWatchersAreBoundedAndThoseThatNobodyAsksMakeRoom(t *testing.T) {
	a := newTestAgent(t)
	for i := 0; i < watchersMost; i++ {
		a.call("filesystem.Filesystem/CreateWatcher", at(""), "", nil)
	}
	a.call("filesystem.Filesystem/CreateWatcher", at(""), "resource_exhausted", nil)
	one, err := a.agent.watchers.take("w1", false)
	if err != nil {
		t.Fatal(err)
	}
	one.mu.Lock()
	one.asked = time.Now().Add(-2 * watcherIdle)
	one.mu.Unlock()
	a.call("filesystem.Filesystem/CreateWatcher", at(""), "", nil)
	a.call("filesystem.Filesystem/GetWatcherEvents", startAsk{"watcherId": "w1"}, "not_found", nil)
}
