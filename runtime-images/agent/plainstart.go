package main

import (
	"encoding/base64"
	"syscall"
	"time"
)

// plainStart is a call of process.Process/Start without a terminal, input, tag or signs of life, by a caller with which the process
// ends:
//
//	POST /process.Process/Start HTTP/1.1\r\n
//	<headers>\r\n                       content-length, authorization and connect-timeout-ms count; what changes the call, and is
//	\r\n                                not understood here, makes it no plain one
//	<one envelope>
type plainStart struct {
	user  string
	limit time.Duration // 0: none
	ask   startRequest
}

const plainStartLine = "POST /process.Process/Start HTTP/1.1\r\n"

// readPlainStart reads the first bytes of a connection: of a plain start all of it, of anything else what came first.
func readPlainStart(fd int) ([]byte, *plainStart) {
	first := make([]byte, 0, 2048)
	for {
		if len(first) == cap(first) {
			first = append(make([]byte, 0, 2*cap(first)), first...)
		}
		n, errno := receive(fd, first[len(first):cap(first)])
		if errno == syscall.EINTR {
			continue
		}
		if errno != 0 || n == 0 {
			return first, nil
		}
		first = first[:len(first)+n]
		start, more := parsePlainStart(first)
		if start != nil || !more || len(first) >= firstMost {
			return first, start
		}
	}
}

// parsePlainStart returns a call that is whole; or whether more bytes could make one.
func parsePlainStart(bytes []byte) (start *plainStart, more bool) {
	if len(bytes) < len(plainStartLine) {
		return nil, string(bytes) == plainStartLine[:len(bytes)]
	}
	if string(bytes[:len(plainStartLine)]) != plainStartLine {
		return nil, false
	}
	start = &plainStart{}
	length := uint64(0)
	rest := bytes[len(plainStartLine):]
	for {
		end := lineEnd(rest)
		if end < 0 {
			return nil, len(rest) < firstMost
		}
		line := rest[:end]
		rest = rest[end+2:]
		if len(line) == 0 {
			break
		}
		if !start.header(line, &length) {
			return nil, false
		}
	}
	if length < envelopeHeader || length > firstMost {
		return nil, false
	}
	if uint64(len(rest)) < length {
		return nil, true
	}
	if uint64(len(rest)) > length || rest[0] != 0 {
		return nil, false
	}
	size := uint64(rest[1])<<24 | uint64(rest[2])<<16 | uint64(rest[3])<<8 | uint64(rest[4])
	if size != length-envelopeHeader || !parseStartMessage(rest[envelopeHeader:], &start.ask) {
		return nil, false
	}
	return start, false
}

// lineEnd is where a line's \r\n begins, or -1.
func lineEnd(bytes []byte) int {
	for i := 0; i+1 < len(bytes); i++ {
		if bytes[i] == '\r' && bytes[i+1] == '\n' {
			return i
		}
	}
	return -1
}

// header takes one header in. False: the call is no plain one.
func (p *plainStart) header(line []byte, length *uint64) bool {
	colon := 0
	for colon < len(line) && line[colon] != ':' {
		colon++
	}
	if colon == 0 || colon == len(line) {
		return false
	}
	name := make([]byte, colon)
	for i, c := range line[:colon] {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		name[i] = c
	}
	value := line[colon+1:]
	for len(value) > 0 && value[0] == ' ' {
		value = value[1:]
	}
	switch string(name) {
	case "content-type":
		return string(value) == "application/connect+json"
	case "content-length":
		number, ok := plainNumber(value)
		*length = number
		return ok
	case "connect-timeout-ms":
		number, ok := plainNumber(value)
		p.limit = time.Duration(number) * time.Millisecond
		return ok
	case "authorization":
		const basic = "Basic "
		if len(value) < len(basic) || string(value[:len(basic)]) != basic {
			return false
		}
		pair, err := base64.StdEncoding.DecodeString(string(value[len(basic):]))
		if err != nil {
			return false
		}
		for i, c := range pair {
			if c == ':' {
				p.user = string(pair[:i])
				return true
			}
		}
		return false
	case "host", "connection", "accept", "user-agent":
		return true
	}
	return false // transfer-encoding, expect, keepalive-ping-interval and all that nobody has thought of
}

// plainNumber reads up to ten digits, as many as Connect-Timeout-Ms may have.
func plainNumber(text []byte) (uint64, bool) {
	if len(text) == 0 || len(text) > 10 {
		return 0, false
	}
	number := uint64(0)
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0, false
		}
		number = number*10 + uint64(c-'0')
	}
	return number, true
}
