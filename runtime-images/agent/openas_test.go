package main

import (
	"io"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"testing"
)

func TestAFileIsReadWithThePermissionsOfAUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can be somebody else")
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		t.Fatal(err)
	}
	uid, _ := strconv.Atoi(nobody.Uid)
	gid, _ := strconv.Atoi(nobody.Gid)
	who := account{name: "nobody", uid: uint32(uid), gid: uint32(gid)}
	dir := t.TempDir()
	for parent := dir; parent != os.TempDir(); parent = filepath.Dir(parent) {
		_ = os.Chmod(parent, 0o755)
	}
	open, closed := filepath.Join(dir, "open"), filepath.Join(dir, "closed")
	writeTestFile(t, open, "for all")
	writeTestFile(t, closed, "for one")
	if err := os.Chmod(closed, 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := openAs(who, open)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if content, _ := io.ReadAll(file); string(content) != "for all" {
		t.Error(string(content))
	}
	if _, err := openAs(who, closed); !os.IsPermission(err) {
		t.Error("a file of another user:", err)
	}
	mine, err := openAs(account{}, closed)
	if err != nil {
		t.Error("the thread stayed somebody else:", err)
	} else {
		mine.Close()
	}
}
