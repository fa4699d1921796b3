package main

import (
	"os"
	"runtime"
	"syscall"
)

// startInside starts a program so that not one instruction of it runs outside the group: it starts traced, which stops it right after
// execve(2), is moved, and then let go. Writing its pid after a plain start would let its first children escape.
// Without a group it is a plain start.
func startInside(p *program, group *cgroup, in, out, err *os.File) (*os.Process, error) {
	if group == nil {
		return p.start(in, out, err)
	}
	runtime.LockOSThread() // a tracee belongs to the thread that started it
	defer runtime.UnlockOSThread()
	p.attr.Sys.Ptrace = true
	process, failed := p.start(in, out, err)
	if failed != nil {
		return nil, failed
	}
	pid := process.Pid
	var status syscall.WaitStatus
	for {
		if _, err := syscall.Wait4(pid, &status, syscall.WUNTRACED, nil); err != syscall.EINTR {
			break
		}
	}
	if !status.Stopped() {
		return nil, &startFailure{"the process ended before it began"}
	}
	failed = group.add(pid)
	if failed == nil {
		failed = syscall.PtraceDetach(pid)
	}
	if failed != nil {
		_ = process.Kill()
		_, _ = process.Wait()
		return nil, failed
	}
	return process, nil
}
