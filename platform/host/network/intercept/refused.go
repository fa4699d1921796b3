package main

import (
	"encoding/binary"
	"net"
	"os"
	"syscall"
)

// logGroup is what the rules of a slot log refused packets to; platform/host/network/ruleset.ts.
const logGroup = 1

// headBytes of each packet are enough for the longest IPv4 header and the ports.
const headBytes = 64

// Numbers of include/uapi/linux/netfilter/nfnetlink.h and nfnetlink_log.h.
const (
	netlinkNetfilter = 12
	ulogPacket       = 4 << 8   // NFNL_SUBSYS_ULOG, NFULNL_MSG_PACKET
	ulogConfig       = 4<<8 | 1 // NFULNL_MSG_CONFIG
	cfgCommand       = 1        // NFULA_CFG_CMD
	commandBind      = 1        // NFULNL_CFG_CMD_BIND
	cfgMode          = 2        // NFULA_CFG_MODE
	copyPacket       = 2        // NFULNL_COPY_PACKET
	cfgTimeout       = 4        // NFULA_CFG_TIMEOUT, in hundredths of a second
	payload          = 9        // NFULA_PAYLOAD
	headerBytes      = 16 + 4   // nlmsghdr, nfgenmsg
)

type packet struct {
	Protocol int    `json:"protocol"`
	Address  string `json:"address"`
	Port     int    `json:"port"`
}

// openLog subscribes to the packets that this namespace logs.
func openLog() (*os.File, error) {
	fd, err := syscall.Socket(syscall.AF_NETLINK, syscall.SOCK_RAW|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, netlinkNetfilter)
	if err != nil {
		return nil, err
	}
	message := make([]byte, headerBytes)
	message = attribute(message, cfgCommand, []byte{commandBind})
	message = attribute(message, cfgMode, []byte{0, 0, 0, headBytes, copyPacket, 0})
	message = attribute(message, cfgTimeout, []byte{0, 0, 0, 5})
	binary.LittleEndian.PutUint32(message[0:], uint32(len(message)))
	binary.LittleEndian.PutUint16(message[4:], ulogConfig)
	binary.LittleEndian.PutUint16(message[6:], syscall.NLM_F_REQUEST|syscall.NLM_F_ACK)
	binary.BigEndian.PutUint16(message[18:], logGroup)
	err = syscall.Sendto(fd, message, 0, &syscall.SockaddrNetlink{Family: syscall.AF_NETLINK})
	if err == nil {
		err = acknowledged(fd)
	}
	if err != nil {
		_ = syscall.Close(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), "log"), nil
}

// attribute appends a netlink attribute, padded to four bytes.
func attribute(message []byte, kind uint16, value []byte) []byte {
	var head [4]byte
	binary.LittleEndian.PutUint16(head[0:], uint16(4+len(value)))
	binary.LittleEndian.PutUint16(head[2:], kind)
	message = append(append(message, head[:]...), value...)
	for len(message)%4 != 0 {
		message = append(message, 0)
	}
	return message
}

// acknowledged reads the answer to a request; the kernel gives it before sendto returns.
func acknowledged(fd int) error {
	answer := make([]byte, 4096)
	n, _, err := syscall.Recvfrom(fd, answer, 0)
	if err != nil {
		return err
	}
	if n < 20 || binary.LittleEndian.Uint16(answer[4:]) != syscall.NLMSG_ERROR {
		return syscall.EBADMSG
	}
	if code := int32(binary.LittleEndian.Uint32(answer[16:])); code != 0 {
		return syscall.Errno(-code)
	}
	return nil
}

// watch tells of each logged packet until the log is closed.
func watch(slot int, log *os.File, channel *channel) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := log.Read(buffer)
		if pathError, ok := err.(*os.PathError); ok && pathError.Err == syscall.ENOBUFS {
			continue // some were lost: there were too many at once
		}
		if err != nil || n == 0 {
			return
		}
		for _, one := range packets(buffer[:n]) {
			channel.say(map[string]any{"slot": slot, "refused": one})
		}
	}
}

// packets finds the IPv4 packets in what the kernel sent.
func packets(data []byte) []packet {
	var found []packet
	for len(data) >= headerBytes {
		length := int(binary.LittleEndian.Uint32(data))
		if length < headerBytes || length > len(data) {
			break
		}
		if binary.LittleEndian.Uint16(data[4:]) == ulogPacket {
			if one, ok := describe(value(data[headerBytes:length], payload)); ok {
				found = append(found, one)
			}
		}
		data = data[min(len(data), (length+3)&^3):]
	}
	return found
}

// value is that of the first attribute of a kind.
func value(attributes []byte, kind uint16) []byte {
	for len(attributes) >= 4 {
		length := int(binary.LittleEndian.Uint16(attributes))
		if length < 4 || length > len(attributes) {
			return nil
		}
		if binary.LittleEndian.Uint16(attributes[2:])&0x3fff == kind {
			return attributes[4:length]
		}
		attributes = attributes[min(len(attributes), (length+3)&^3):]
	}
	return nil
}

// describe reads protocol, destination and port of an IPv4 packet (RFC 791).
func describe(ip []byte) (packet, bool) {
	if len(ip) < 20 || ip[0]>>4 != 4 {
		return packet{}, false
	}
	one := packet{Protocol: int(ip[9]), Address: net.IP(ip[16:20]).String()}
	header := int(ip[0]&15) * 4
	first := binary.BigEndian.Uint16(ip[6:])&0x1fff == 0
	hasPorts := one.Protocol == syscall.IPPROTO_TCP || one.Protocol == syscall.IPPROTO_UDP
	if first && hasPorts && len(ip) >= header+4 {
		one.Port = int(binary.BigEndian.Uint16(ip[header+2:]))
	}
	return one, true
}

func min(a, b int) int {
	if a < b {
		return a
	}
	return b
}
