package main

import (
	"net/http"
	"path/filepath"
	"testing"
)

func TestGrowingIsRefusedWhereItCannotBe(t *testing.T) {
	a := newTestAgent(t)
	a.want(http.StatusBadRequest, "POST", "/root/grow", "much", nil)
	size := filepath.Join(t.TempDir(), "size")
	if err := grow(size, a.home, 1); err == nil {
		t.Fatal("a disk that is not there")
	}
	writeTestFile(t, size, "16\n")
	if err := grow(size, filepath.Join(a.home, "nothing"), 8192); err == nil {
		t.Fatal("a file system that is not there")
	}
	if err := grow(size, "/proc", 8192); err == nil {
		t.Fatal("what does not grow")
	}
}
