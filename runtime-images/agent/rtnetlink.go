package main

import (
	"encoding/binary"
	"syscall"
)

// A request of rtnetlink(7), in the byte order of the machine:
//
//	+---------------------------------------+--------------------+-------------------------------+ ...
//	| length u32, kind u16, flags u16,      | body: one struct   | attribute: length u16,        |
//	| sequence u32, port u32                | of the kind        | type u16, data, padding to 4  |
//	+---------------------------------------+--------------------+-------------------------------+ ...
//
// The kernel acknowledges with NLMSG_ERROR, whose body begins with an errno (0 or negative).
type rtnetlink struct {
	fd       int
	sequence uint32
}

// native: both architectures that guests run on are little-endian.
var native = binary.LittleEndian

func openRTNetlink() (*rtnetlink, error) {
	fd, err := syscall.Socket(syscall.AF_NETLINK, syscall.SOCK_RAW|syscall.SOCK_CLOEXEC, syscall.NETLINK_ROUTE)
	if err != nil {
		return nil, err
	}
	return &rtnetlink{fd: fd}, nil
}

func (n *rtnetlink) close() { syscall.Close(n.fd) }

// do sends one request and waits for its acknowledgement.
func (n *rtnetlink) do(kind, flags uint16, body ...[]byte) error {
	n.sequence++
	message := make([]byte, syscall.NLMSG_HDRLEN)
	for _, part := range body {
		message = append(message, part...)
	}
	native.PutUint32(message[0:], uint32(len(message)))
	native.PutUint16(message[4:], kind)
	native.PutUint16(message[6:], flags|syscall.NLM_F_REQUEST|syscall.NLM_F_ACK)
	native.PutUint32(message[8:], n.sequence)
	if err := syscall.Sendto(n.fd, message, 0, &syscall.SockaddrNetlink{Family: syscall.AF_NETLINK}); err != nil {
		return err
	}
	answer := make([]byte, 4096)
	for {
		size, _, err := syscall.Recvfrom(n.fd, answer, 0)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return err
		}
		if size < syscall.NLMSG_HDRLEN+4 || native.Uint32(answer[8:]) != n.sequence || native.Uint16(answer[4:]) != syscall.NLMSG_ERROR {
			continue
		}
		if errno := -int32(native.Uint32(answer[syscall.NLMSG_HDRLEN:])); errno != 0 {
			return syscall.Errno(errno)
		}
		return nil
	}
}

// attribute lays out one attribute with its padding.
func attribute(kind uint16, data []byte) []byte {
	bytes := make([]byte, (4+len(data)+3)&^3)
	native.PutUint16(bytes[0:], uint16(4+len(data)))
	native.PutUint16(bytes[2:], kind)
	copy(bytes[4:], data)
	return bytes
}

// number is a u32 attribute's data.
func number(value uint32) []byte {
	bytes := make([]byte, 4)
	native.PutUint32(bytes, value)
	return bytes
}
