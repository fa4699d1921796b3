package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"syscall"
	"testing"
)

// The test binary plays three parts: the tests; the jail itself, as
// `<binary> --jail <spec>`; and, inside of it, a program that tells what it
// sees, as `/vm/look --look`.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "--look" {
		look()
		return
	}
	if len(os.Args) > 1 && os.Args[1] == "--jail" {
		os.Args = append(os.Args[:1], os.Args[2:]...)
		main()
		return
	}
	os.Exit(m.Run())
}

type sight struct {
	UID, GID   int
	Entries    []string // of the root
	Environ    []string
	Inodes     map[uint64]bool // of the open descriptors
	CanWrite   map[string]bool
	Core, File uint64 // limits
}

func look() {
	var seen sight
	seen.UID, seen.GID, seen.Environ = os.Getuid(), os.Getgid(), os.Environ()
	entries, _ := os.ReadDir("/")
	for _, entry := range entries {
		seen.Entries = append(seen.Entries, entry.Name())
	}
	seen.Inodes = map[uint64]bool{}
	for fd := 0; fd < 64; fd++ {
		var info syscall.Stat_t
		if syscall.Fstat(fd, &info) == nil {
			seen.Inodes[info.Ino] = true
		}
	}
	seen.CanWrite = map[string]bool{}
	for _, path := range []string{"/", "/vm", "/vm/io", "/vm/fixed"} {
		file, err := os.Create(filepath.Join(path, "made"))
		seen.CanWrite[path] = err == nil
		if err == nil {
			file.Close()
		}
	}
	var limit syscall.Rlimit
	_ = syscall.Getrlimit(rlimitCore, &limit)
	seen.Core = limit.Cur
	_ = syscall.Getrlimit(rlimitFileSize, &limit)
	seen.File = limit.Cur
	text, _ := json.Marshal(seen)
	os.Stdout.Write(text)
}

// spec is one that works; tests spoil parts of it.
func spec(t *testing.T) Spec {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	directory := t.TempDir()
	// TempDir's own parents are closed to the jailed user, as the data directory is.
	for _, name := range []string{"root", "io", "fixed"} {
		if err := os.Mkdir(filepath.Join(directory, name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(filepath.Join(directory, name), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return Spec{
		Monitor: filepath.Join(directory, "monitor.sock"),
		Root:    filepath.Join(directory, "root"),
		Binds: []Bind{
			{From: binary, To: "/vm/look"},
			{From: filepath.Join(directory, "io"), To: "/vm/io", Writable: true},
			{From: filepath.Join(directory, "fixed"), To: "/vm/fixed"},
		},
		Devices:   []string{"/dev/null"},
		Links:     map[string]string{"bin": "usr/bin"},
		UID:       1900099999,
		GID:       1900099999,
		FileLimit: 1 << 20,
		Argv:      []string{"/vm/look", "--look"},
	}
}

func run(t *testing.T, argument string, extra ...*os.File) (string, string, int) {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(binary, "--jail", argument)
	command.ExtraFiles = extra
	command.Env = append(os.Environ(), "SECRET=of the server")
	var stdout, stderr strings.Builder
	command.Stdout, command.Stderr = &stdout, &stderr
	_ = command.Run()
	return stdout.String(), stderr.String(), command.ProcessState.ExitCode()
}

func encoded(t *testing.T, spec Spec) string {
	t.Helper()
	text, err := json.Marshal(spec)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestProgramSeesOnlyItsOwn(t *testing.T) {
	one := spec(t)
	leaked, err := os.Open("/etc/passwd")
	if err != nil {
		t.Fatal(err)
	}
	defer leaked.Close()
	stdout, stderr, code := run(t, encoded(t, one), leaked, leaked, leaked, leaked)
	if code != 0 {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	var seen sight
	if err := json.Unmarshal([]byte(stdout), &seen); err != nil {
		t.Fatalf("%v: %s", err, stdout)
	}
	if seen.UID != one.UID || seen.GID != one.GID {
		t.Errorf("runs as %d:%d", seen.UID, seen.GID)
	}
	sort.Strings(seen.Entries)
	if got := strings.Join(seen.Entries, " "); got != "bin dev vm" {
		t.Errorf("the root holds %s", got)
	}
	if got := strings.Join(seen.Environ, " "); got != "LANG=C" {
		t.Errorf("the environment is %s", got)
	}
	var info syscall.Stat_t
	if err := syscall.Fstat(int(leaked.Fd()), &info); err != nil {
		t.Fatal(err)
	}
	if seen.Inodes[info.Ino] {
		t.Error("a file that the server's parent had open is open")
	}
	for path, want := range map[string]bool{"/": false, "/vm": false, "/vm/io": true, "/vm/fixed": false} {
		if seen.CanWrite[path] != want {
			t.Errorf("writing below %s: %v", path, seen.CanWrite[path])
		}
	}
	if seen.Core != 0 || seen.File != one.FileLimit {
		t.Errorf("limits: core %d, file %d", seen.Core, seen.File)
	}
}

func TestRefusals(t *testing.T) {
	spoiled := map[string]struct {
		spoil func(*Spec)
		says  string
	}{
		"a namespace that is not there": {func(s *Spec) { s.Netns = "/run/netns/no-such-namespace" }, "jail: netns"},
		"a state that is not there":     {func(s *Spec) { s.State = "/no/state" }, "jail: state"},
		"a bind that is not there":      {func(s *Spec) { s.Binds = append(s.Binds, Bind{From: "/no/bind", To: "/vm/x"}) }, "jail: root"},
		"a device that is not there":    {func(s *Spec) { s.Devices = []string{"/dev/no-such-device"} }, "jail: root"},
		"a root that is not there":      {func(s *Spec) { s.Root = "/no/root" }, "jail: root"},
		"a monitor in no directory":     {func(s *Spec) { s.Monitor = "/no/directory/monitor.sock" }, "jail: monitor"},
		"a program that is not there":   {func(s *Spec) { s.Argv = []string{"/vm/none"} }, "jail: exec"},
		"no program at all":             {func(s *Spec) { s.Argv = nil }, "jail: spec"},
		"the superuser":                 {func(s *Spec) { s.UID = 0 }, "jail: spec"},
		"the superuser's group":         {func(s *Spec) { s.GID = 0 }, "jail: spec"},
		"a bind that climbs out":        {func(s *Spec) { s.Binds = append(s.Binds, Bind{From: "/etc", To: "/../../x"}) }, "jail: spec"},
		"the host's own root":           {func(s *Spec) { s.Root = "/" }, "jail: spec"},
	}
	for name, one := range spoiled {
		t.Run(name, func(t *testing.T) {
			bad := spec(t)
			one.spoil(&bad)
			stdout, stderr, code := run(t, encoded(t, bad))
			if code != 111 || !strings.HasPrefix(stderr, one.says) || stdout != "" {
				t.Errorf("exit %d, %q, %q", code, stderr, stdout)
			}
		})
	}
}

func TestUnreadableSpecs(t *testing.T) {
	for _, text := range []string{"", "{", "[]", `{"unknown": true}`, `{"uid": "zero"}`} {
		if _, stderr, code := run(t, text); code != 111 || !strings.HasPrefix(stderr, "jail: spec") {
			t.Errorf("%q: exit %d, %q", text, code, stderr)
		}
	}
}
