package main

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
)

// A sandbox's first command comes right after its thaw, so all code on its way runs for the first time, and an emulator has to
// translate it. Package net/http and encoding/json are most of that (some 90 of 180 ms, measured). So the HTTP port has a door of
// its own: the plainest form of process.Process/Start, which is the one that the host sends, is read and answered by a few hundred
// lines (plainstart.go, plainjson.go, plainrun.go). Every other request is handed to net/http with what was read of it.
//
//	accept -> first bytes -> plain start?  yes: answered here, the connection closes
//	                                       no:  a net.Conn for net/http that begins with these bytes
type door struct {
	listener int // TCP
	peer     [4]byte
	agent    *agent
	others   chan net.Conn
	closed   chan struct{}
	once     sync.Once
	address  net.Addr
}

const (
	// firstMost is how much of a request is read before it is decided who answers it, in bytes.
	firstMost = 32 << 10
	// doorReadLimit is how long a connection may take to send its first bytes, in seconds.
	doorReadLimit = 10
)

// openDoor opens the HTTP port. Only the host gets in, so code inside the guest cannot speak to the agent.
func openDoor(at *net.TCPAddr, peer net.IP, agent *agent) (*door, error) {
	d := &door{agent: agent, others: make(chan net.Conn), closed: make(chan struct{})}
	var address [4]byte
	copy(address[:], at.IP.To4())
	copy(d.peer[:], peer.To4())
	var err error
	if d.listener, err = listenTCP(address, at.Port, doorReadLimit); err != nil {
		return nil, err
	}
	bound, err := syscall.Getsockname(d.listener)
	if err != nil {
		return nil, err
	}
	port := at.Port
	if inet, ok := bound.(*syscall.SockaddrInet4); ok {
		port = inet.Port
	}
	d.address = &net.TCPAddr{IP: at.IP, Port: port}
	return d, nil
}

// serve lets connections in until the door is closed.
func (d *door) serve() error {
	defer closeFD(d.listener)
	polls := [1]pollFD{{fd: int32(d.listener), events: pollIn}}
	for {
		if _, errno := waitReady(polls[:], nil); errno != 0 && errno != syscall.EINTR {
			return errno
		}
		var from syscall.RawSockaddrInet4
		fd, errno := accept(d.listener, &from, 0)
		switch {
		case errno == syscall.EAGAIN || errno == syscall.EINTR || errno == syscall.ECONNABORTED:
		case errno != 0:
			return errno
		case from.Addr != d.peer:
			closeFD(fd)
		default:
			go d.meet(fd)
		}
	}
}

// meet reads the first bytes of a connection and decides who answers.
func (d *door) meet(fd int) {
	first, start := readPlainStart(fd)
	if start != nil {
		d.agent.runPlain(fd, start)
		closeFD(fd)
		return
	}
	if len(first) == 0 {
		closeFD(fd)
		return
	}
	file := os.NewFile(uintptr(fd), "connection")
	conn, err := net.FileConn(file) // a descriptor of its own
	file.Close()
	if err != nil {
		return
	}
	select {
	case d.others <- &begunConn{Conn: conn, first: first}:
	case <-d.closed:
		conn.Close()
	}
}

// Accept, Close and Addr make the door the listener of net/http.
func (d *door) Accept() (net.Conn, error) {
	select {
	case conn := <-d.others:
		return conn, nil
	case <-d.closed:
		return nil, net.ErrClosed
	}
}

func (d *door) Close() error {
	d.once.Do(func() {
		close(d.closed)
		_ = syscall.Shutdown(d.listener, syscall.SHUT_RDWR) // wakes serve, which closes it
	})
	return nil
}

func (d *door) Addr() net.Addr { return d.address }

// begunConn is a connection of which the first bytes have been read already.
type begunConn struct {
	net.Conn
	first []byte
}

func (c *begunConn) Read(into []byte) (int, error) {
	if len(c.first) == 0 {
		return c.Conn.Read(into)
	}
	n := copy(into, c.first)
	c.first = c.first[n:]
	return n, nil
}

// CloseWrite and ReadFrom are what net/http asks a TCP connection for.
func (c *begunConn) CloseWrite() error {
	if tcp, ok := c.Conn.(*net.TCPConn); ok {
		return tcp.CloseWrite()
	}
	return nil
}

func (c *begunConn) ReadFrom(from io.Reader) (int64, error) {
	if tcp, ok := c.Conn.(*net.TCPConn); ok {
		return tcp.ReadFrom(from)
	}
	return io.Copy(c.Conn, from)
}
