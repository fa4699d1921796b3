package main

import "syscall"

// Numbers that package syscall does not name; include/uapi/linux/{prctl,resource}.h.
const (
	prCapBsetDrop   = 24
	prSetNoNewPrivs = 38
	lastCapability  = 63
	rlimitCore      = 4
	rlimitFileSize  = 1
)

// limit bounds what the VMM may leave on disk: no core dumps, no file above the size of its own. Its user may raise that up
// to most.
func limit(fileSize, most uint64) error {
	if err := syscall.Setrlimit(rlimitCore, &syscall.Rlimit{}); err != nil {
		return err
	}
	if fileSize == 0 {
		return nil
	}
	if most < fileSize {
		most = fileSize
	}
	return syscall.Setrlimit(rlimitFileSize, &syscall.Rlimit{Cur: fileSize, Max: most})
}

// dropPrivileges leaves a plain user with no capabilities and no way to gain any.
func dropPrivileges(uid, gid int) error {
	for capability := uintptr(0); capability <= lastCapability; capability++ {
		// EINVAL beyond the kernel's last capability.
		if _, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, prCapBsetDrop, capability, 0); errno == syscall.EINVAL {
			break
		}
	}
	calls := []struct{ number, a, b, c uintptr }{
		{syscall.SYS_SETGROUPS, 0, 0, 0},
		{syscall.SYS_SETRESGID, uintptr(gid), uintptr(gid), uintptr(gid)},
		{syscall.SYS_SETRESUID, uintptr(uid), uintptr(uid), uintptr(uid)},
		{syscall.SYS_PRCTL, prSetNoNewPrivs, 1, 0},
	}
	for _, call := range calls {
		if _, _, errno := syscall.RawSyscall6(call.number, call.a, call.b, call.c, 0, 0, 0); errno != 0 {
			return errno
		}
	}
	return nil
}
