// Command jail becomes a VMM process that can touch nothing but its own files.
//
//	jail '<spec as JSON>'
//	jail --tsc-khz           prints the frequency of the time-stamp counter
//	jail --copy <from> <to>  copies what a sparse file holds into one that is there
//
// It enters a network namespace, builds a private root directory out
// of bind mounts, opens what the VMM needs, gives up root and executes it:
//
//	enter namespace -> flush its connections -> open tap, monitor,
//	state -> new mount namespace, tmpfs root, binds, pivot -> limits -> uid, gid,
//	no new privileges -> exec
//
// The VMM finds its descriptors at fixed numbers: 3 the monitor's listening
// socket, 4 the tap, 5 the saved device state (only when there is one).
package main

import (
	"os"
	"runtime"
	"syscall"
)

const (
	monitorFd = 3
	tapFd     = 4
	stateFd   = 5
)

func main() {
	// Namespaces and ids belong to a thread: stay on the one that executes the VMM.
	runtime.LockOSThread()
	if len(os.Args) == 4 && os.Args[1] == "--copy" {
		check("copy", os.Args[3], copyOver(os.Args[2], os.Args[3]))
		return
	}
	if len(os.Args) != 2 {
		fail("usage", "jail takes one argument, its spec as JSON", nil)
	}
	if os.Args[1] == "--tsc-khz" {
		printFrequency()
		return
	}
	spec, err := readSpec(os.Args[1])
	check("spec", "", err)
	if spec.Netns != "" {
		check("netns", spec.Netns, enterNetns(spec.Netns))
		if !spec.Keep {
			check("conntrack", spec.Netns, flushConnections())
		}
	}
	files := map[int]int{}
	files[monitorFd] = must("monitor", spec.Monitor)(listenUnix(spec.Monitor))
	if spec.Tap != "" {
		files[tapFd] = must("tap", spec.Tap)(openTap(spec.Tap))
	}
	if spec.State != "" {
		files[stateFd] = must("state", spec.State)(syscall.Open(spec.State, syscall.O_RDONLY|syscall.O_CLOEXEC, 0))
	}
	check("root", spec.Root, enterRoot(spec))
	check("descriptors", "", place(files))
	check("descriptors", "", closeAbove(stateFd))
	check("limits", "", limit(spec.FileLimit, spec.FileMost))
	check("privileges", "", dropPrivileges(spec.UID, spec.GID))
	err = syscall.Exec(spec.Argv[0], spec.Argv, []string{"LANG=C"})
	fail("exec", spec.Argv[0], err)
}

// place moves each descriptor to the number that the VMM expects it at, and leaves no other at these numbers.
func place(files map[int]int) error {
	const clear = 64 // above every number used here, so that nothing is overwritten
	for number, fd := range files {
		high, _, errno := syscall.RawSyscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_DUPFD_CLOEXEC, clear)
		if errno != 0 {
			return errno
		}
		files[number] = int(high)
	}
	for number := monitorFd; number <= stateFd; number++ {
		fd, wanted := files[number]
		if !wanted {
			_ = syscall.Close(number) // what may have been open there is nothing to the VMM
			continue
		}
		if err := syscall.Dup3(fd, number, 0); err != nil {
			return err
		}
	}
	return nil
}

// closeAbove makes every descriptor above `last` close when the VMM is executed:
// what the server's own parent left open is nothing to it.
func closeAbove(last int) error {
	const closeRange, cloexec = 436, 1 << 2
	_, _, errno := syscall.RawSyscall(closeRange, uintptr(last+1), uintptr(^uint32(0)), cloexec)
	if errno != 0 && errno != syscall.ENOSYS {
		return errno
	}
	return nil
}

func check(step, subject string, err error) {
	if err != nil {
		fail(step, subject, err)
	}
}

func must(step, subject string) func(int, error) int {
	return func(fd int, err error) int {
		check(step, subject, err)
		return fd
	}
}

// fail tells the host which step failed, on standard error, and ends.
func fail(step, subject string, err error) {
	text := "jail: " + step + ": " + subject
	if err != nil {
		text += ": " + err.Error()
	}
	os.Stderr.WriteString(text + "\n")
	os.Exit(111)
}
