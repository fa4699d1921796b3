package main

import (
	"os"
	"strconv"
	"syscall"
	"unsafe"
)

// windowSize is struct winsize, in characters.
type windowSize struct {
	rows, cols    uint16
	width, height uint16 // in pixels, which nobody asks for
}

const (
	ioctlSetWindowSize = 0x5414     // TIOCSWINSZ
	ioctlUnlock        = 0x40045431 // TIOCSPTLCK
	ioctlNumber        = 0x80045430 // TIOCGPTN
)

// openPTY makes a pseudo terminal: the agent's side, and the side that becomes a process's standard streams, which belongs to
// the user as a login's would.
func openPTY(size windowSize, who account) (master, slave *os.File, err error) {
	// O_NONBLOCK makes package os use the poller, so that reads have deadlines and Close ends them.
	fd, err := syscall.Open("/dev/ptmx", syscall.O_RDWR|syscall.O_NOCTTY|syscall.O_CLOEXEC|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, &os.PathError{Op: "open", Path: "/dev/ptmx", Err: err}
	}
	master = os.NewFile(uintptr(fd), "/dev/ptmx")
	defer func() {
		if err != nil {
			master.Close()
		}
	}()
	var locked int32
	if err := ioctl(fd, ioctlUnlock, unsafe.Pointer(&locked)); err != nil {
		return nil, nil, err
	}
	var number uint32
	if err := ioctl(fd, ioctlNumber, unsafe.Pointer(&number)); err != nil {
		return nil, nil, err
	}
	if err := ioctl(fd, ioctlSetWindowSize, unsafe.Pointer(&size)); err != nil {
		return nil, nil, err
	}
	name := "/dev/pts/" + strconv.Itoa(int(number))
	other, err := syscall.Open(name, syscall.O_RDWR|syscall.O_NOCTTY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, nil, &os.PathError{Op: "open", Path: name, Err: err}
	}
	slave = os.NewFile(uintptr(other), name)
	if err := syscall.Fchown(other, int(who.uid), -1); err != nil { // the group is tty's, by the mount
		slave.Close()
		return nil, nil, os.NewSyscallError("fchown", err)
	}
	return master, slave, nil
}

// resizePTY tells a terminal its size; the kernel tells the processes in front with SIGWINCH.
func resizePTY(master *os.File, size windowSize) error {
	raw, err := master.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		failed = ioctl(int(fd), ioctlSetWindowSize, unsafe.Pointer(&size))
	})
	if err != nil {
		return err
	}
	return failed
}

func ioctl(fd int, request uintptr, argument unsafe.Pointer) error {
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), request, uintptr(argument)); errno != 0 {
		return os.NewSyscallError("ioctl", errno)
	}
	return nil
}
