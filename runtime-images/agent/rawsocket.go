package main

import (
	"syscall"
	"unsafe"
)

// pollFD is struct pollfd. A negative fd is passed over.
type pollFD struct {
	fd      int32
	events  int16
	revents int16
}

const (
	pollIn    = 0x001
	msgNoWait = syscall.MSG_DONTWAIT | syscall.MSG_NOSIGNAL
)

// waitReady is ppoll(2). limit may be nil; the kernel leaves in it what is left of the time.
func waitReady(fds []pollFD, limit *syscall.Timespec) (int, syscall.Errno) {
	n, _, errno := syscall.Syscall6(syscall.SYS_PPOLL, uintptr(unsafe.Pointer(&fds[0])), uintptr(len(fds)), uintptr(unsafe.Pointer(limit)), 0, 0, 0)
	return int(n), errno
}

// accept is accept4(2); from receives the peer's address.
func accept(fd int, from *syscall.RawSockaddrInet4, flags uintptr) (int, syscall.Errno) {
	size := uint32(unsafe.Sizeof(*from))
	var address, length uintptr
	if from != nil {
		address, length = uintptr(unsafe.Pointer(from)), uintptr(unsafe.Pointer(&size))
	}
	got, _, errno := syscall.RawSyscall6(syscall.SYS_ACCEPT4, uintptr(fd), address, length, flags|syscall.SOCK_CLOEXEC, 0, 0)
	return int(got), errno
}

// receive is recv(2) and may wait, as long as SO_RCVTIMEO of the socket says.
func receive(fd int, into []byte) (int, syscall.Errno) {
	n, _, errno := syscall.Syscall6(syscall.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&into[0])), uintptr(len(into)), 0, 0, 0)
	return int(n), errno
}

// receiveNow is recv(2) that never waits.
func receiveNow(fd int, into []byte) (int, syscall.Errno) {
	n, _, errno := syscall.RawSyscall6(syscall.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&into[0])), uintptr(len(into)), msgNoWait, 0, 0)
	return int(n), errno
}

// sendNow is send(2) that never waits.
func sendNow(fd int, bytes []byte) (int, syscall.Errno) {
	n, _, errno := syscall.RawSyscall6(syscall.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(&bytes[0])), uintptr(len(bytes)), msgNoWait, 0, 0)
	return int(n), errno
}

func closeFD(fd int) {
	_, _, _ = syscall.RawSyscall(syscall.SYS_CLOSE, uintptr(fd), 0, 0)
}

// listenTCP opens a listening IPv4 socket. A connection shows up in it when its first byte has come (TCP_DEFER_ACCEPT), so
// that one wake-up is enough for accept and read; reads on what it accepts end after readLimit seconds.
func listenTCP(address [4]byte, port int, readLimit int64) (int, error) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, err
	}
	steps := []func() error{
		func() error { return syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1) },
		func() error {
			return syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_DEFER_ACCEPT, int(readLimit))
		},
		func() error {
			return syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &syscall.Timeval{Sec: readLimit})
		},
		func() error { return syscall.Bind(fd, &syscall.SockaddrInet4{Port: port, Addr: address}) },
		func() error { return syscall.Listen(fd, 16) },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			syscall.Close(fd)
			return -1, err
		}
	}
	return fd, nil
}

// listenUnix opens a listening unix socket that every user of the guest may connect to.
func listenUnix(path string) (int, error) {
	_ = syscall.Unlink(path)
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, err
	}
	if err = syscall.Bind(fd, &syscall.SockaddrUnix{Name: path}); err == nil {
		if err = syscall.Chmod(path, 0o666); err == nil {
			if err = syscall.Listen(fd, 64); err == nil {
				return fd, nil
			}
		}
	}
	syscall.Close(fd)
	return -1, err
}
