package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// namespace makes a network namespace that lasts as long as the test, and answers its path.
func namespace(t *testing.T) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	made, done := make(chan string), make(chan struct{})
	go func() {
		runtime.LockOSThread()
		if err := syscall.Unshare(syscall.CLONE_NEWNET); err != nil {
			made <- ""
			return
		}
		made <- fmt.Sprintf("/proc/self/task/%d/ns/net", syscall.Gettid())
		<-done
	}()
	path := <-made
	if path == "" {
		t.Skip("no namespaces here")
	}
	t.Cleanup(func() { close(done) })
	return path
}

func TestOpensInsideAndNowhereElse(t *testing.T) {
	inside := namespace(t)
	before, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	listener, log, err := openInside(inside)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(listener)
	defer log.Close()
	transparent, err := syscall.GetsockoptInt(listener, syscall.SOL_IP, ipTransparent)
	if err != nil || transparent != 1 {
		t.Errorf("transparent: %d, %v", transparent, err)
	}
	if address, err := syscall.Getsockname(listener); err != nil || address.(*syscall.SockaddrInet4).Port != port {
		t.Errorf("listens on %v, %v", address, err)
	}
	// The same address again is taken in there, and free in another namespace.
	if _, _, err := openInside(inside); err == nil || !strings.HasPrefix(err.Error(), "listener: ") {
		t.Errorf("a second listener: %v", err)
	}
	other, otherLog, err := openInside(namespace(t))
	if err != nil {
		t.Fatal(err)
	}
	syscall.Close(other)
	otherLog.Close()
	if after, _ := os.Readlink("/proc/self/ns/net"); after != before {
		t.Errorf("the process went from %s to %s", before, after)
	}
}

func TestSaysWhichStepFailed(t *testing.T) {
	if _, _, err := openInside("/run/netns/no-such-namespace"); err == nil || !strings.HasPrefix(err.Error(), "netns: ") {
		t.Errorf("%v", err)
	}
	if _, _, err := openInside("/etc/passwd"); err == nil || !strings.HasPrefix(err.Error(), "setns: ") {
		t.Errorf("%v", err)
	}
}

func TestHandsOverASocket(t *testing.T) {
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(pair[0])
	defer syscall.Close(pair[1])
	socket, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	var sent syscall.Stat_t
	if err := syscall.Fstat(socket, &sent); err != nil {
		t.Fatal(err)
	}
	(&channel{fd: pair[0]}).hand(7, socket)
	if err := syscall.Close(socket); err != syscall.EBADF {
		t.Errorf("the socket was still open here: %v", err)
	}
	text, rights := make([]byte, 4096), make([]byte, 4096)
	n, rn, _, _, err := syscall.Recvmsg(pair[1], text, rights, 0)
	if err != nil {
		t.Fatal(err)
	}
	var message struct {
		Cmd, Type string
		Msg       struct {
			Slot      int
			Listening bool
		}
	}
	if err := json.Unmarshal(text[:n], &message); err != nil || text[n-1] != '\n' {
		t.Fatalf("%q: %v", text[:n], err)
	}
	if message.Cmd != "NODE_HANDLE" || message.Type != "net.Native" || message.Msg.Slot != 7 || !message.Msg.Listening {
		t.Errorf("%+v", message)
	}
	controls, err := syscall.ParseSocketControlMessage(rights[:rn])
	if err != nil || len(controls) != 1 {
		t.Fatalf("%v, %v", controls, err)
	}
	fds, err := syscall.ParseUnixRights(&controls[0])
	if err != nil || len(fds) != 1 {
		t.Fatalf("%v, %v", fds, err)
	}
	defer syscall.Close(fds[0])
	var came syscall.Stat_t
	if err := syscall.Fstat(fds[0], &came); err != nil || came.Ino != sent.Ino {
		t.Errorf("socket %d came for %d: %v", came.Ino, sent.Ino, err)
	}
}

// logged is a message of the kernel about one packet.
func logged(ip []byte) []byte {
	message := make([]byte, headerBytes)
	message = attribute(message, 1, []byte{8, 0, 3, 0})
	message = attribute(message, payload, ip)
	binary.LittleEndian.PutUint32(message, uint32(len(message)))
	binary.LittleEndian.PutUint16(message[4:], ulogPacket)
	return message
}

func ipv4(protocol byte, fragment uint16, rest ...byte) []byte {
	ip := []byte{0x45, 0, 0, 0, 0, 0, byte(fragment >> 8), byte(fragment), 64, protocol, 0, 0, 172, 16, 0, 2, 192, 0, 2, 1}
	return append(ip, rest...)
}

func TestReadsWhatTheKernelLogged(t *testing.T) {
	ports := []byte{0x30, 0x39, 0, 123}
	var data []byte
	for _, ip := range [][]byte{
		ipv4(17, 0, ports...), ipv4(1, 0, 8, 0, 1, 2), ipv4(6, 0, ports...), ipv4(17, 185, ports...), ipv4(17, 0, 1),
		{0x60, 0, 0, 0}, {},
	} {
		data = append(data, logged(ip)...)
	}
	want := []packet{{17, "192.0.2.1", 123}, {1, "192.0.2.1", 0}, {6, "192.0.2.1", 123}, {17, "192.0.2.1", 0}, {17, "192.0.2.1", 0}}
	if got := packets(data); !reflect.DeepEqual(got, want) {
		t.Errorf("%v", got)
	}
	// Cut anywhere it is read as far as it goes.
	for end := range data {
		if got := packets(data[:end]); len(got) > len(want) {
			t.Errorf("%d bytes: %v", end, got)
		}
	}
}
