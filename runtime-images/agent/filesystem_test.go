package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func decode(t *testing.T, text []byte, into interface{}) {
	t.Helper()
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
}

type heardEntry struct {
	Name, Type, Path, Size, Permissions, Owner, Group, SymlinkTarget string
	Mode                                                             uint32
	ModifiedTime                                                     time.Time
}

type entryAnswer struct{ Entry heardEntry }

func at(path string) startAsk { return startAsk{"path": path} }

func TestStatTellsAllOfAnEntry(t *testing.T) {
	a := newTestAgent(t)
	path := filepath.Join(a.home, "a\"\n file")
	writeTestFile(t, path, "12345")
	when := time.Unix(1_600_000_000, 123_456_789).UTC()
	if err := os.Chtimes(path, when, when); err != nil {
		t.Fatal(err)
	}
	var got entryAnswer
	a.call("filesystem.Filesystem/Stat", at("a\"\n file"), "", &got)
	info, _ := os.Stat(path)
	owner := new(entryMaker).userName(info.Sys().(*syscall.Stat_t).Uid)
	group := new(entryMaker).groupName(info.Sys().(*syscall.Stat_t).Gid)
	want := heardEntry{"a\"\n file", "FILE_TYPE_FILE", path, "5", "-rw-r--r--", owner, group, "", 0o644, when}
	if got.Entry != want {
		t.Fatalf("%+v", got.Entry)
	}
	if got := new(entryMaker).userName(4_000_000_000); got != "4000000000" {
		t.Fatal(got)
	}
	for name, target := range map[string]string{"link": path, "dangling": "nowhere"} {
		if err := os.Symlink(target, filepath.Join(a.home, name)); err != nil {
			t.Fatal(err)
		}
	}
	if a.call("filesystem.Filesystem/Stat", at("link"), "", &got); got.Entry.Type != "FILE_TYPE_FILE" || got.Entry.SymlinkTarget != path {
		t.Fatalf("%+v", got.Entry)
	}
	if a.call("filesystem.Filesystem/Stat", at("dangling"), "", &got); got.Entry.Type != "FILE_TYPE_SYMLINK" || got.Entry.SymlinkTarget != "nowhere" {
		t.Fatalf("%+v", got.Entry)
	}
	if a.call("filesystem.Filesystem/Stat", at(""), "", &got); got.Entry.Type != "FILE_TYPE_DIRECTORY" || got.Entry.Path != a.home {
		t.Fatalf("%+v", got.Entry)
	}
}

func TestPathsOfEveryMethodAreChecked(t *testing.T) {
	a := newTestAgent(t)
	writeTestFile(t, filepath.Join(a.home, "file"), "x")
	if err := os.Symlink("loop", filepath.Join(a.home, "loop")); err != nil {
		t.Fatal(err)
	}
	methods := map[string]func(path string) startAsk{
		"Stat": at, "MakeDir": at, "Remove": at, "ListDir": at, "WatchDir": nil, "CreateWatcher": at,
		"Move": func(path string) startAsk { return startAsk{"source": path, "destination": "to"} },
	}
	for method, ask := range methods {
		for path, code := range map[string]string{
			"nul\x00": "invalid_argument", strings.Repeat("n", 256): "invalid_argument", strings.Repeat("long/", 2000): "invalid_argument",
			"~root/x": "invalid_argument", "file/below": "invalid_argument", "loop/x": "invalid_argument", "missing/at/all": "not_found",
		} {
			if method == "WatchDir" {
				if _, got, _ := a.open("filesystem.Filesystem/WatchDir", at(path)).next(&struct{}{}); got != code {
					t.Errorf("WatchDir %.20q: %s", path, got)
				}
				continue
			}
			if code == "not_found" && (method == "MakeDir" || method == "Remove") || method == "Remove" && path == "loop/x" {
				continue
			}
			if method == "Remove" && path == "file/below" {
				code = "invalid_argument"
			}
			if said := a.call("filesystem.Filesystem/"+method, ask(path), code, nil); len(said) > 1000 {
				t.Errorf("%s: an endless message", method)
			}
		}
	}
	a.call("filesystem.Filesystem/ListDir", at("file"), "invalid_argument", nil)
	a.call("filesystem.Filesystem/CreateWatcher", at("file"), "invalid_argument", nil)
	a.call("filesystem.Filesystem/Remove", at("/"), "invalid_argument", nil)
	a.call("filesystem.Filesystem/Remove", at("/.."), "invalid_argument", nil)
}

func TestDirectoriesAreMadeMovedAndRemoved(t *testing.T) {
	a := newTestAgent(t)
	var got entryAnswer
	if a.call("filesystem.Filesystem/MakeDir", at("x/y/z"), "", &got); got.Entry.Path != filepath.Join(a.home, "x/y/z") {
		t.Fatalf("%+v", got)
	}
	a.call("filesystem.Filesystem/MakeDir", at("x/y"), "already_exists", nil)
	writeTestFile(t, filepath.Join(a.home, "x/file"), "content")
	a.call("filesystem.Filesystem/MakeDir", at("x/file"), "invalid_argument", nil)
	move := func(from, to, code string) {
		t.Helper()
		a.call("filesystem.Filesystem/Move", startAsk{"source": from, "destination": to}, code, &got)
	}
	if move("x/file", "new/place/file", ""); got.Entry.Size != "7" || readTestFile(t, filepath.Join(a.home, "new/place/file")) != "content" {
		t.Fatalf("%+v", got)
	}
	move("x", "x/y/inside", "invalid_argument")
	writeTestFile(t, filepath.Join(a.home, "full/file"), "")
	move("x", "full", "already_exists")
	a.call("filesystem.Filesystem/Remove", at("x"), "", nil)
	a.call("filesystem.Filesystem/Remove", at("x"), "", nil)
	if _, err := os.Stat(filepath.Join(a.home, "x")); !os.IsNotExist(err) {
		t.Fatal(err)
	}
}

func TestMovingToAnotherFileSystemCopies(t *testing.T) {
	other, err := os.MkdirTemp("/dev/shm", "thaw-test-")
	if err != nil {
		t.Skip(err)
	}
	defer os.RemoveAll(other)
	a := newTestAgent(t)
	writeTestFile(t, filepath.Join(a.home, "tree/-file"), "content")
	a.call("filesystem.Filesystem/Move", startAsk{"source": "tree", "destination": other + "/moved"}, "", nil)
	if readTestFile(t, other+"/moved/-file") != "content" || len(everything(t, a.home)) != 0 {
		t.Fatal(everything(t, a.home))
	}
	writeTestFile(t, filepath.Join(a.home, "file"), "")
	said := a.call("filesystem.Filesystem/Move", startAsk{"source": "file", "destination": other + "/moved"}, "already_exists", nil)
	if !strings.Contains(said, "exists") {
		t.Fatal(said)
	}
}

func TestListGoesAsDeepAsAsked(t *testing.T) {
	a := newTestAgent(t)
	for _, name := range []string{"b/c/d", "a", "b/z"} {
		writeTestFile(t, filepath.Join(a.home, "top", name), "")
	}
	if err := os.Symlink("top", filepath.Join(a.home, "link")); err != nil {
		t.Fatal(err)
	}
	for depth, want := range map[int]string{0: "a b", 1: "a b", 2: "a b b/c b/z", 3: "a b b/c b/c/d b/z", 100: "a b b/c b/c/d b/z"} {
		var got struct{ Entries []heardEntry }
		a.call("filesystem.Filesystem/ListDir", startAsk{"path": "link", "depth": depth}, "", &got)
		var names []string
		for _, entry := range got.Entries {
			names = append(names, strings.TrimPrefix(entry.Path, a.home+"/link/"))
		}
		if strings.Join(names, " ") != want {
			t.Errorf("%d: %v", depth, names)
		}
	}
	for i := 0; i < 500; i++ {
		writeTestFile(t, filepath.Join(a.home, "many", strconv.Itoa(i)), "")
	}
	var got struct{ Entries []heardEntry }
	if a.call("filesystem.Filesystem/ListDir", at("many"), "", &got); len(got.Entries) != 500 {
		t.Fatal(len(got.Entries))
	}
}
