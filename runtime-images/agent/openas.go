package main

import (
	"os"
	"runtime"
	"syscall"
)

// openAs opens a file for reading with the permissions of a user. The ids that count for files are a thread's own, and without
// that of root it has no capability that goes past permissions; setfsuid(2), capabilities(7).
func openAs(who account, path string) (*os.File, error) {
	const flags = os.O_RDONLY | syscall.O_NONBLOCK // opening a FIFO must not wait for a writer
	if os.Geteuid() != 0 || who.uid == 0 {
		return os.OpenFile(path, flags, 0)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for _, id := range [...]struct{ call, own, theirs uintptr }{
		{syscall.SYS_SETFSGID, uintptr(os.Getegid()), uintptr(who.gid)},
		{syscall.SYS_SETFSUID, uintptr(os.Geteuid()), uintptr(who.uid)},
	} {
		_, _, _ = syscall.RawSyscall(id.call, id.theirs, 0, 0)
		defer syscall.RawSyscall(id.call, id.own, 0, 0)
	}
	return os.OpenFile(path, flags, 0)
}
