package main

import (
	"bytes"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestWhatASparseFileHoldsIsCopiedIntoOneThatIsMapped(t *testing.T) {
	from, to := filepath.Join(t.TempDir(), "from"), filepath.Join(t.TempDir(), "to")
	const size = 64 << 20
	wanted := make([]byte, size)
	source, err := os.Create(from)
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	if err := source.Truncate(size); err != nil {
		t.Fatal(err)
	}
	for _, at := range []int64{4096, 20 << 20, size - 8192} {
		part := bytes.Repeat([]byte{byte(at >> 10), 7}, 4000)
		copy(wanted[at:], part)
		if _, err := source.WriteAt(part, at); err != nil {
			t.Fatal(err)
		}
	}
	target, err := os.Create(to)
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	if err := target.Truncate(size); err != nil {
		t.Fatal(err)
	}
	mapped, err := syscall.Mmap(int(target.Fd()), 0, size, syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Munmap(mapped)
	if err := copyOver(from, to); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(mapped, wanted) {
		t.Error("what is mapped is not what was copied")
	}
	var info syscall.Stat_t
	if err := syscall.Fstat(int(target.Fd()), &info); err != nil || info.Blocks*512 > 1<<20 {
		t.Error("the copy is not sparse", info.Blocks, err)
	}
}

func TestACopyOfNothingIsAnError(t *testing.T) {
	if err := copyOver(filepath.Join(t.TempDir(), "missing"), filepath.Join(t.TempDir(), "to")); !os.IsNotExist(err) {
		t.Error(err)
	}
}
