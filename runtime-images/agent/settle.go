package main

import (
	"net/http"
	"os"
	"runtime/debug"
	"syscall"
)

// settle answers POST /settle, called right before a freeze: what is dirty goes to the disk, so that the disk is whole, and
// what the guest can read again leaves its memory, so that the snapshot is small (`?cache=keep` leaves the page cache).
func (a *agent) settle(w http.ResponseWriter, r *http.Request) {
	syscall.Sync()
	if a.root == "" && r.URL.Query().Get("cache") != "keep" {
		if err := os.WriteFile("/proc/sys/vm/drop_caches", []byte("1"), 0); err != nil {
			answerError(w, err)
			return
		}
	}
	a.closeIdle() // a connection that is open in a snapshot is open, and dead, in every clone
	w.Header().Set("connection", "close")
	debug.FreeOSMemory()
	w.WriteHeader(http.StatusNoContent)
}
