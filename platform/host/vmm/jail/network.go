package main

import (
	"syscall"
	"unsafe"
)

// enterNetns moves this thread into a network namespace.
func enterNetns(path string) error {
	fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer syscall.Close(fd)
	_, _, errno := syscall.RawSyscall(sysSetns, uintptr(fd), syscall.CLONE_NEWNET, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// openTap attaches to the tap that the slot made.
//
// Constants: include/uapi/linux/if_tun.h.
func openTap(name string) (int, error) {
	const (
		tunSetIff  = 0x400454ca
		iffTap     = 0x0002
		iffNoPi    = 0x1000
		iffVnetHdr = 0x4000
	)
	fd, err := syscall.Open("/dev/net/tun", syscall.O_RDWR|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	var request [40]byte // struct ifreq
	copy(request[:15], name)
	*(*uint16)(unsafe.Pointer(&request[16])) = iffTap | iffNoPi | iffVnetHdr
	_, _, errno := syscall.RawSyscall(syscall.SYS_IOCTL, uintptr(fd), tunSetIff, uintptr(unsafe.Pointer(&request[0])))
	if errno != 0 {
		syscall.Close(fd)
		return -1, errno
	}
	return fd, nil
}

// flushConnections forgets every tracked connection of the namespace, so that a
// recycled slot begins as a new one: one ctnetlink delete without a tuple.
//
// Message: nlmsghdr (16 bytes) and nfgenmsg (4 bytes), include/uapi/linux/netfilter/nfnetlink.h.
func flushConnections() error {
	const (
		netlinkNetfilter = 12
		ctnetlinkDelete  = 1<<8 | 2 // NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_DELETE
		request          = 1
		acknowledge      = 4
	)
	fd, err := syscall.Socket(syscall.AF_NETLINK, syscall.SOCK_RAW|syscall.SOCK_CLOEXEC, netlinkNetfilter)
	if err != nil {
		return err
	}
	defer syscall.Close(fd)
	message := make([]byte, 20)
	*(*uint32)(unsafe.Pointer(&message[0])) = 20
	*(*uint16)(unsafe.Pointer(&message[4])) = ctnetlinkDelete
	*(*uint16)(unsafe.Pointer(&message[6])) = request | acknowledge
	message[16] = syscall.AF_INET
	if err := syscall.Sendto(fd, message, 0, &syscall.SockaddrNetlink{Family: syscall.AF_NETLINK}); err != nil {
		return err
	}
	answer := make([]byte, 256)
	n, _, err := syscall.Recvfrom(fd, answer, 0)
	if err != nil {
		return err
	}
	if n >= 20 {
		if code := *(*int32)(unsafe.Pointer(&answer[16])); code < 0 && syscall.Errno(-code) != syscall.ENOENT {
			return syscall.Errno(-code)
		}
	}
	return nil
}

// listenUnix makes the monitor's socket before the VMM exists, so that the host can connect at once.
func listenUnix(path string) (int, error) {
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	_ = syscall.Unlink(path)
	if err := syscall.Bind(fd, &syscall.SockaddrUnix{Name: path}); err != nil {
		syscall.Close(fd)
		return -1, err
	}
	return fd, syscall.Listen(fd, 1)
}
