package main

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func TestFileIsWrittenWholeAndReadBack(t *testing.T) {
	a := newTestAgent(t)
	path := filepath.Join(t.TempDir(), "dir", "file")
	for i, content := range []string{"first", strings.Repeat("second", 100000), ""} {
		a.want(http.StatusNoContent, "PUT", "/file?mode=600&path="+path, strings.NewReader(content), nil)
		if status, got := a.ask("GET", "/file?path="+path, nil); status != http.StatusOK || string(got) != content {
			t.Fatal(strconv.Itoa(i), status, len(got))
		}
	}
	if info, _ := os.Stat(path); info.Mode() != 0o600 {
		t.Fatal(info.Mode())
	}
	if got := everything(t, filepath.Dir(path)); len(got) != 1 {
		t.Fatal(got)
	}
	a.want(http.StatusNotFound, "GET", "/file?path="+path+"2", nil, nil)
	a.want(http.StatusBadRequest, "GET", "/file?path="+filepath.Dir(path), nil, nil)
	a.want(http.StatusBadRequest, "GET", "/file?path=relative", nil, nil)
	a.want(http.StatusBadRequest, "PUT", "/file?mode=9&path="+path, strings.NewReader("x"), nil)
	a.want(http.StatusBadRequest, "PUT", "/file?path="+path+"/below", strings.NewReader("x"), nil)
}

func TestFileThatBreaksOffLeavesTheOldOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	writeTestFile(t, path, "old")
	who := account{uid: uint32(os.Geteuid()), gid: uint32(os.Getegid())}
	err := writeFile(path, io.MultiReader(strings.NewReader("new"), brokenReader{}), 0o644, who)
	if err == nil || readTestFile(t, path) != "old" || len(everything(t, filepath.Dir(path))) != 1 {
		t.Fatal(err, everything(t, filepath.Dir(path)))
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
