package main

import (
	"os/exec"
	"runtime"
	"syscall"
)

// startInside starts cmd so that not one instruction of it runs outside the group: it starts traced, which stops it right after
// execve(2), is moved, and then let go. Writing its pid after a plain start would let its first children escape.
// Without a group it is a plain start.
func startInside(cmd *exec.Cmd, group *cgroup) error {
	if group == nil {
		return startPunctual(cmd)
	}
	runtime.LockOSThread() // a tracee belongs to the thread that started it
	defer runtime.UnlockOSThread()
	cmd.SysProcAttr.Ptrace = true
	if err := startPunctual(cmd); err != nil {
		return err
	}
	pid := cmd.Process.Pid
	var status syscall.WaitStatus
	for {
		if _, err := syscall.Wait4(pid, &status, syscall.WUNTRACED, nil); err != syscall.EINTR {
			break
		}
	}
	if !status.Stopped() {
		return &startFailure{"the process ended before it began"}
	}
	err := group.add(pid)
	if err == nil {
		err = syscall.PtraceDetach(pid)
	}
	if err != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	return err
}
