package main

import (
	"archive/tar"
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"syscall"
	"testing"
	"time"
)

// tarOf makes a stream; content is written where a header says that there is some.
func tarOf(t *testing.T, entries ...tar.Header) []byte {
	t.Helper()
	var out bytes.Buffer
	stream := tar.NewWriter(&out)
	for _, entry := range entries {
		entry := entry
		if entry.Mode == 0 && entry.Typeflag != tar.TypeXGlobalHeader {
			entry.Mode = 0o644
		}
		if err := stream.WriteHeader(&entry); err != nil {
			t.Fatal(err)
		}
		if entry.Typeflag == tar.TypeReg {
			if _, err := stream.Write(bytes.Repeat([]byte{'x'}, int(entry.Size))); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := stream.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func regular(name string, size int64) tar.Header {
	return tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size}
}

func symlinkTo(name, target string) tar.Header {
	return tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target}
}

func hardlinkTo(name, target string) tar.Header {
	return tar.Header{Typeflag: tar.TypeLink, Name: name, Linkname: target}
}

// put extracts a stream into root and returns status and answer.
func (t *testAgent) put(root, options string, stream []byte) (int, string) {
	t.Helper()
	status, body := t.ask("PUT", "/tree?path="+root+options, bytes.NewReader(stream))
	return status, string(body)
}

// everything beneath a folder, sorted by name.
func everything(t *testing.T, root string) []string {
	t.Helper()
	var names []string
	_ = filepath.Walk(root, func(path string, _ os.FileInfo, _ error) error {
		if name, _ := filepath.Rel(root, path); name != "." {
			names = append(names, name)
		}
		return nil
	})
	sort.Strings(names)
	return names
}

func TestTreeGoesInAndComesOutTheSame(t *testing.T) {
	a := newTestAgent(t)
	from, to := t.TempDir(), filepath.Join(t.TempDir(), "made", "on", "the", "way")
	long := strings.Repeat("long", 50)
	writeTestFile(t, filepath.Join(from, "a", "b", "file"), "content")
	writeTestFile(t, filepath.Join(from, long, long, "ü.txt"), strings.Repeat("y", 100000))
	writeTestFile(t, filepath.Join(from, "empty"), "")
	writeTestFile(t, filepath.Join(from, "run"), "#!/bin/sh\n")
	modified := time.Unix(1600000000, 0)
	for _, err := range []error{
		os.Chmod(filepath.Join(from, "run"), 0o750),
		os.Chtimes(filepath.Join(from, "run"), modified, modified),
		os.Mkdir(filepath.Join(from, "empty-dir"), 0o700),
		os.Symlink("../empty", filepath.Join(from, "a", "link")),
		os.Symlink("/usr/bin/env", filepath.Join(from, "away")),
		os.Link(filepath.Join(from, "a", "b", "file"), filepath.Join(from, "twin")),
		syscall.Mkfifo(filepath.Join(from, "pipe"), 0o600),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	status, stream := a.ask("GET", "/tree?path="+from, nil)
	if status != http.StatusOK {
		t.Fatal(status)
	}
	if status, answer := a.put(to, "", stream); status != http.StatusNoContent {
		t.Fatalf("%d %s", status, answer)
	}
	if err := os.Remove(filepath.Join(from, "pipe")); err != nil {
		t.Fatal(err)
	}
	if want, got := everything(t, from), everything(t, to); strings.Join(want, "\n") != strings.Join(got, "\n") {
		t.Fatalf("%q\n%q", want, got)
	}
	if got := readTestFile(t, filepath.Join(to, long, long, "ü.txt")); len(got) != 100000 {
		t.Fatal(len(got))
	}
	info, _ := os.Stat(filepath.Join(to, "run"))
	if info.Mode() != 0o750 || !info.ModTime().Equal(modified) {
		t.Fatal(info.Mode(), info.ModTime())
	}
	if info, _ := os.Stat(filepath.Join(to, "empty-dir")); info.Mode().Perm() != 0o700 {
		t.Fatal(info.Mode())
	}
	if target, _ := os.Readlink(filepath.Join(to, "away")); target != "/usr/bin/env" {
		t.Fatal(target)
	}
	one, _ := os.Stat(filepath.Join(to, "twin"))
	other, _ := os.Stat(filepath.Join(to, "a", "b", "file"))
	if !os.SameFile(one, other) {
		t.Fatal("the hardlink came out as a copy")
	}
}

func TestTreeRefusesWhatLeavesTheRoot(t *testing.T) {
	outside := t.TempDir()
	writeTestFile(t, filepath.Join(outside, "secret"), "untouched")
	cases := map[string][]tar.Header{
		"a name that climbs":              {regular("../secret", 3)},
		"a name that climbs later":        {regular("a/../../secret", 3)},
		"an absolute name":                {regular(filepath.Join(outside, "secret"), 3)},
		"through an absolute symlink":     {symlinkTo("out", outside), regular("out/secret", 3)},
		"through a climbing symlink":      {symlinkTo("out", "../.."), regular("out/x", 3)},
		"through a chain of symlinks":     {symlinkTo("b", outside), symlinkTo("a", "b"), regular("a/new/secret", 3)},
		"a directory through a symlink":   {symlinkTo("out", outside), {Typeflag: tar.TypeDir, Name: "out/new", Mode: 0o755}},
		"a symlink through a symlink":     {symlinkTo("out", outside), symlinkTo("out/new", "x")},
		"a hardlink to an absolute name":  {hardlinkTo("copy", filepath.Join(outside, "secret"))},
		"a hardlink that climbs":          {hardlinkTo("copy", "../secret")},
		"a hardlink through a symlink":    {symlinkTo("out", outside), hardlinkTo("copy", "out/secret")},
		"a hardlink beyond a symlink":     {regular("f", 1), symlinkTo("out", outside), hardlinkTo("out/copy", "f")},
		"a hardlink to nothing":           {hardlinkTo("copy", "not-there")},
		"a character device":              {{Typeflag: tar.TypeChar, Name: "null", Devmajor: 1, Devminor: 3}},
		"a block device":                  {{Typeflag: tar.TypeBlock, Name: "disk", Devmajor: 8}},
		"a pipe":                          {{Typeflag: tar.TypeFifo, Name: "pipe"}},
		"a file as a directory":           {regular("f", 1), regular("f/g", 1)},
		"a file in place of a directory":  {{Typeflag: tar.TypeDir, Name: "d", Mode: 0o755}, regular("d", 1)},
		"a file in place of the root":     {regular(".", 1)},
		"a symlink in place of the root":  {symlinkTo("./", outside)},
		"a name that is too long for any": {regular(strings.Repeat("n", 300), 1)},
	}
	a := newTestAgent(t)
	for name, entries := range cases {
		root := filepath.Join(t.TempDir(), "root")
		status, answer := a.put(root, "", tarOf(t, entries...))
		if status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", name, status, answer)
		}
		if _, err := os.Lstat(filepath.Join(filepath.Dir(root), "x")); err == nil {
			t.Errorf("%s: written outside", name)
		}
	}
	if got := everything(t, outside); len(got) != 1 || readTestFile(t, filepath.Join(outside, "secret")) != "untouched" {
		t.Fatal(got)
	}
}

func TestTreeReplacesASymlinkInsteadOfWritingThroughIt(t *testing.T) {
	a := newTestAgent(t)
	root, outside := t.TempDir(), filepath.Join(t.TempDir(), "secret")
	writeTestFile(t, outside, "untouched")
	if status, answer := a.put(root, "", tarOf(t, symlinkTo("f", outside), regular("f", 3))); status != http.StatusNoContent {
		t.Fatalf("%d %s", status, answer)
	}
	if readTestFile(t, outside) != "untouched" || readTestFile(t, filepath.Join(root, "f")) != "xxx" {
		t.Fatal("written through the symlink")
	}
}

func TestTreeDoesNotWriteThroughAHardlinkThatWasThere(t *testing.T) {
	a := newTestAgent(t)
	root := t.TempDir()
	if status, answer := a.put(root, "", tarOf(t, regular("a", 1), hardlinkTo("b", "a"), regular("b", 3))); status != http.StatusNoContent {
		t.Fatalf("%d %s", status, answer)
	}
	if readTestFile(t, filepath.Join(root, "a")) != "x" || readTestFile(t, filepath.Join(root, "b")) != "xxx" {
		t.Fatal("both changed")
	}
}

func TestTreeFollowsSymlinksThatStayInside(t *testing.T) {
	a := newTestAgent(t)
	root := t.TempDir()
	stream := tarOf(t, regular("real/one", 1), symlinkTo("sub/link", "../real"), regular("sub/link/two", 2))
	if status, answer := a.put(root, "", stream); status != http.StatusNoContent {
		t.Fatalf("%d %s", status, answer)
	}
	if readTestFile(t, filepath.Join(root, "real", "two")) != "xx" {
		t.Fatal("went elsewhere")
	}
}

func TestTreeCanRefuseSymlinksThatPointOut(t *testing.T) {
	a := newTestAgent(t)
	for target, want := range map[string]int{"/etc/passwd": 400, "../../x": 400, "..": 204, "../sibling": 204, "deep/../../..": 400, "here": 204} {
		if status, answer := a.put(t.TempDir(), "&links=inside", tarOf(t, symlinkTo("dir/link", target))); status != want {
			t.Errorf("%s: %d %s", target, status, answer)
		}
	}
}

func TestTreeStripsSetIDBits(t *testing.T) {
	a := newTestAgent(t)
	root := t.TempDir()
	entry := regular("su", 1)
	entry.Mode = 0o6755
	if status, answer := a.put(root, "", tarOf(t, entry)); status != http.StatusNoContent {
		t.Fatalf("%d %s", status, answer)
	}
	if info, _ := os.Stat(filepath.Join(root, "su")); info.Mode() != 0o755 {
		t.Fatal(info.Mode())
	}
}

func TestTreeLeavesDirectoriesThatWereThereAsTheyWere(t *testing.T) {
	a := newTestAgent(t)
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "old"), 0o711); err != nil {
		t.Fatal(err)
	}
	stream := tarOf(t, tar.Header{Typeflag: tar.TypeDir, Name: "./", Mode: 0o700}, regular("new/f", 1),
		tar.Header{Typeflag: tar.TypeDir, Name: "old/", Mode: 0o700}, tar.Header{Typeflag: tar.TypeDir, Name: "new/", Mode: 0o750})
	if status, answer := a.put(root, "", stream); status != http.StatusNoContent {
		t.Fatalf("%d %s", status, answer)
	}
	for name, want := range map[string]os.FileMode{"old": 0o711, "new": 0o750} {
		if info, _ := os.Stat(filepath.Join(root, name)); info.Mode().Perm() != want {
			t.Errorf("%s: %o", name, info.Mode().Perm())
		}
	}
}

func TestTreeLimitsBytesAndFiles(t *testing.T) {
	a := newTestAgent(t)
	stream := tarOf(t, regular("a", 600), regular("b", 400), regular("c", 0))
	for options, want := range map[string]int{
		"&maxBytes=1000": 204, "&maxBytes=999": 413, "&maxFiles=3": 204, "&maxFiles=2": 413, "&maxFiles=-1": 400, "&maxBytes=x": 400,
	} {
		if status, answer := a.put(t.TempDir(), options, stream); status != want {
			t.Errorf("%s: %d %s", options, status, answer)
		}
	}
}

func TestTreeAnswersThoughTheCallerIsStillSending(t *testing.T) {
	a := newTestAgent(t)
	stream := tarOf(t, regular("../x", 1), regular("large", 8<<20))
	if status, answer := a.put(t.TempDir(), "", stream); status != http.StatusBadRequest || !strings.Contains(answer, "climbs") {
		t.Fatalf("%d %s", status, answer)
	}
}

func TestTreeSkipsTheCommitThatGitArchiveNames(t *testing.T) {
	a := newTestAgent(t)
	root := t.TempDir()
	stream := tarOf(t, tar.Header{Typeflag: tar.TypeXGlobalHeader, PAXRecords: map[string]string{"comment": "0123"}}, regular("f", 1))
	if status, answer := a.put(root, "&maxFiles=1", stream); status != http.StatusNoContent {
		t.Fatalf("%d %s", status, answer)
	}
	if got := everything(t, root); len(got) != 1 {
		t.Fatal(got)
	}
}

func TestTreeRefusesBrokenStreams(t *testing.T) {
	a := newTestAgent(t)
	whole := tarOf(t, regular("f", 5000))
	for name, stream := range map[string][]byte{"no tar": bytes.Repeat([]byte("no tar "), 200), "half a file": whole[:2000], "half a header": whole[:200]} {
		if status, answer := a.put(t.TempDir(), "", stream); status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", name, status, answer)
		}
	}
	a.want(http.StatusBadRequest, "PUT", "/tree?path=relative", nil, nil)
	a.want(http.StatusNotFound, "GET", "/tree?path=/not/there", nil, nil)
}
