package main

import (
	"strconv"
	"syscall"
	"time"
)

// plainAnswer is the answer to a plain start, the same as that of an eventStream:
//
//	HTTP/1.1 200 OK\r\n
//	Content-Type: application/connect+json\r\n
//	Transfer-Encoding: chunked\r\n
//	Connection: close\r\n
//	\r\n
//	00000023\r\n  <one envelope>\r\n     one chunk for each event, its size in eight hex digits
//	0\r\n
//	\r\n
type plainAnswer struct {
	fd     int
	buffer []byte // not sent yet
	head   bool   // its head is in the buffer, or sent
	told   bool   // something was sent
	gone   bool   // the caller has left
}

const (
	plainHead = "HTTP/1.1 200 OK\r\nContent-Type: application/connect+json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
	// chunkHeader is the length of the line before each chunk, and of what is laid out before a message.
	chunkHeader = 10
	pollOut     = 0x004
	// plainSendLimit is how long the caller of a command without a time limit, or past it, may take no byte.
	plainSendLimit = 10 * time.Minute
)

// begin lays out the start event, which goes out with what comes next.
func (a *plainAnswer) begin(pid int) {
	at := a.open()
	a.buffer = append(a.buffer, `{"event":{"start":{"pid":`...)
	a.buffer = strconv.AppendInt(a.buffer, int64(pid), 10)
	a.buffer = append(a.buffer, `}}}`...)
	a.seal(at, 0)
}

// output sends a piece of output. False: the caller is gone, or takes nothing until then.
func (a *plainAnswer) output(stream string, bytes []byte, until time.Time) bool {
	at := a.open()
	a.buffer = appendOutput(a.buffer, stream, bytes)
	a.seal(at, 0)
	return a.send(until)
}

// ended sends the end event and the end of the stream.
func (a *plainAnswer) ended(s *session, cut bool) {
	at := a.open()
	a.buffer = s.appendEnd(a.buffer, cut)
	a.seal(at, 0)
	var err error
	if s.timedOut.Load() {
		err = timeIsUp()
	}
	a.end(err)
}

// end sends the last envelope and the end of the body.
func (a *plainAnswer) end(err error) {
	at := a.open()
	if err == nil {
		a.buffer = append(a.buffer, "{}"...)
	} else {
		no := asConnectError(err)
		a.buffer = appendJSON(append(a.buffer, `{"error":{"code":`...), string(no.code))
		a.buffer = appendJSON(append(a.buffer, `,"message":`...), no.message)
		a.buffer = append(a.buffer, `}}`...)
	}
	a.seal(at, envelopeEnd)
	a.buffer = append(a.buffer, "0\r\n\r\n"...)
	a.send(time.Time{})
}

// flush sends what was laid out, if it can go at once.
func (a *plainAnswer) flush() {
	if len(a.buffer) > 0 {
		a.send(time.Time{})
	}
}

// open makes room for the headers of a message, and returns where they are.
func (a *plainAnswer) open() int {
	if !a.head {
		a.head = true
		a.buffer = append(make([]byte, 0, 1024), plainHead...)
	}
	at := len(a.buffer)
	a.buffer = append(a.buffer, "00000000\r\n\x00\x00\x00\x00\x00"...)
	return at
}

// seal fills the headers of the message that began at `at`.
func (a *plainAnswer) seal(at int, flags byte) {
	const digits = "0123456789abcdef"
	size := len(a.buffer) - at - chunkHeader
	for i, left := 7, size; i >= 0; i, left = i-1, left>>4 {
		a.buffer[at+i] = digits[left&15]
	}
	message := size - envelopeHeader
	header := a.buffer[at+chunkHeader:]
	header[0] = flags
	header[1], header[2], header[3], header[4] = byte(message>>24), byte(message>>16), byte(message>>8), byte(message)
	a.buffer = append(a.buffer, "\r\n"...)
}

// send sends all that was laid out, and waits for a caller who is slow to take it.
func (a *plainAnswer) send(until time.Time) bool {
	a.told = true
	rest := a.buffer
	for len(rest) > 0 && !a.gone {
		n, errno := sendNow(a.fd, rest)
		switch {
		case errno == 0:
			rest = rest[n:]
		case errno == syscall.EINTR:
		case errno == syscall.EAGAIN:
			patience := plainSendLimit
			if !until.IsZero() {
				patience = time.Until(until)
			}
			if patience <= 0 || !a.writable(patience) {
				return false
			}
		default:
			a.gone = true
		}
	}
	a.buffer = a.buffer[:0]
	return !a.gone
}

func (a *plainAnswer) writable(patience time.Duration) bool {
	polls := [1]pollFD{{fd: int32(a.fd), events: pollOut}}
	limit := syscall.NsecToTimespec(int64(patience))
	count, errno := waitReady(polls[:], &limit)
	return count > 0 || errno == syscall.EINTR
}
