package main

import (
	"fmt"
	"os"
	"runtime"
	"syscall"
)

// port is where the rules of a slot divert connections to; platform/host/network/addresses.ts.
const port = 3129

const backlog = 511

// setns(2), IP_TRANSPARENT of ip(7); package syscall names neither.
const (
	sysSetns      = 308
	ipTransparent = 19
)

// openInside opens the listener and the log of refused packets in a namespace.
func openInside(netns string) (listener int, log *os.File, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		// Never unlocked, so the thread ends with this function and no other is left in the namespace.
		runtime.LockOSThread()
		if err = enter(netns); err != nil {
			return
		}
		if listener, err = listen(); err != nil {
			err = fmt.Errorf("listener: %w", err)
			return
		}
		if log, err = openLog(); err != nil {
			_ = syscall.Close(listener)
			err = fmt.Errorf("log: %w", err)
		}
	}()
	<-done
	return listener, log, err
}

func enter(netns string) error {
	fd, err := syscall.Open(netns, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("netns: %w", err)
	}
	defer syscall.Close(fd)
	if _, _, errno := syscall.RawSyscall(sysSetns, uintptr(fd), syscall.CLONE_NEWNET, 0); errno != 0 {
		return fmt.Errorf("setns: %w", errno)
	}
	return nil
}

// listen opens a socket that takes connections to any address (IP_TRANSPARENT).
func listen() (int, error) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	steps := []func() error{
		func() error { return syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1) },
		func() error { return syscall.SetsockoptInt(fd, syscall.SOL_IP, ipTransparent, 1) },
		func() error { return syscall.Bind(fd, &syscall.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}) },
		func() error { return syscall.Listen(fd, backlog) },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			_ = syscall.Close(fd)
			return -1, err
		}
	}
	return fd, nil
}
