package main

import (
	"errors"
	"os"
	"runtime"
	"sync"
	"syscall"
)

// program is a command that is ready to start. Package os/exec would do for it what has been done here already, and each of
// its instructions is dear where it runs for the first time.
type program struct {
	path string
	argv []string
	attr os.ProcAttr
}

// nothing is the input of a process that gets none, opened once. It is nil where /dev is empty: then the input is closed.
func nothing() *os.File {
	openNothing.Do(func() { theNothing, _ = os.OpenFile(os.DevNull, os.O_RDWR, 0) })
	return theNothing
}

var (
	openNothing sync.Once
	theNothing  *os.File
)

// start starts it with the usual timer slack: threads that the Go runtime's monitor started have the monitor's slack
// (quiet.go), and a child has that of the thread that starts it.
func (p *program) start(in, out, err *os.File) (*os.Process, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	_, _, _ = syscall.RawSyscall(syscall.SYS_PRCTL, prSetTimerSlack, usualSlack, 0)
	p.attr.Files = []*os.File{in, out, err}
	process, failed := os.StartProcess(p.path, p.argv, &p.attr)
	if failed != nil {
		return nil, plainStartError(failed)
	}
	return process, nil
}

// startFailure says why a command could not be started.
type startFailure struct{ message string }

func (f *startFailure) Error() string { return f.message }

// plainStartError takes the words of package os off a failed start: `fork/exec /x: permission denied` becomes `/x: permission denied`.
func plainStartError(err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		return &startFailure{path.Path + ": " + path.Err.Error()}
	}
	return err
}

// waitFor returns how a process ended, once it has.
func waitFor(process *os.Process) syscall.WaitStatus {
	state, err := process.Wait()
	if err != nil {
		return syscall.WaitStatus(syscall.SIGKILL) // reaped by somebody else, who does not tell
	}
	return state.Sys().(syscall.WaitStatus)
}
