package main

import (
	"encoding/binary"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// image writes a file that begins as an ext4 file system does.
func image(t *testing.T, change func(super []byte)) string {
	bytes := make([]byte, superblockAt+superblockSize)
	super := bytes[superblockAt:]
	binary.LittleEndian.PutUint32(super[0x4:], 1000)
	binary.LittleEndian.PutUint32(super[0x18:], 2)
	binary.LittleEndian.PutUint16(super[0x38:], ext4Magic)
	change(super)
	path := filepath.Join(t.TempDir(), "image")
	if err := os.WriteFile(path, bytes, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTheSizeOfAFileSystemIsRead(t *testing.T) {
	for name, one := range map[string]struct {
		change func(super []byte)
		want   ext4Size
	}{
		"small": {func([]byte) {}, ext4Size{4096, 1000}},
		"large": {func(super []byte) {
			binary.LittleEndian.PutUint32(super[0x60:], incompat64Bit)
			binary.LittleEndian.PutUint32(super[0x150:], 1)
		}, ext4Size{4096, 1<<32 + 1000}},
		"without a second half": {func(super []byte) { binary.LittleEndian.PutUint32(super[0x150:], 1) }, ext4Size{4096, 1000}},
	} {
		if got, err := readExt4(image(t, one.change)); err != nil || got != one.want {
			t.Errorf("%s: %v %v", name, got, err)
		}
	}
}

func TestWhatIsNoFileSystemIsRefused(t *testing.T) {
	for name, change := range map[string]func(super []byte){
		"magic":  func(super []byte) { super[0x38] = 0 },
		"blocks": func(super []byte) { super[0x18] = 60 },
	} {
		if _, err := readExt4(image(t, change)); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	if _, err := readExt4(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a file that is not there was read")
	}
}

func TestAFreshDiskIsHandedOverEmptyAndAUsedOneLeftAlone(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	who := account{uid: 1000, gid: 1000}
	fresh, used := t.TempDir(), t.TempDir()
	for _, path := range []string{filepath.Join(fresh, "lost+found"), filepath.Join(used, "lost+found"), filepath.Join(used, "data")} {
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{fresh, used} {
		if err := giveFresh(path, who); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]struct{ owner, entries int }{fresh: {1000, 0}, used: {0, 2}} {
		entries, _ := os.ReadDir(path)
		if owner := ownerOf(t, path); owner != want.owner || len(entries) != want.entries {
			t.Errorf("%s: owner %d, %d entries", path, owner, len(entries))
		}
	}
}

func TestADiskThatIsNotThereIsNoDisk(t *testing.T) {
	a := newTestAgent(t)
	a.want(http.StatusNotFound, "POST", "/disks/grow", map[string]interface{}{"path": "/data", "bytes": 1}, nil)
	a.want(http.StatusNoContent, "POST", "/disks/freeze", map[string]string{}, nil)
	a.want(http.StatusNoContent, "POST", "/disks/thaw", map[string]string{}, nil)
	a.want(http.StatusMethodNotAllowed, "GET", "/disks", nil, nil)
}

func ownerOf(t *testing.T, path string) int {
	var stat syscall.Stat_t
	if err := syscall.Stat(path, &stat); err != nil {
		t.Fatal(err)
	}
	return int(stat.Uid)
}
