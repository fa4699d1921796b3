package main

import (
	"errors"
	"os"
	"sync"
	"syscall"
	"time"
)

const (
	// pumpSize is the largest piece of output that is passed on at once, in bytes.
	pumpSize = 32 << 10
	// quiet is how long output may be silent after the process ended before its pipe counts as read:
	// all that the process itself wrote is in the pipe already, only a child left behind can hold it open.
	quiet = 50 * time.Millisecond
	// pipeMost is the most that a pipe can hold when its writer ends, in bytes (fs.pipe-max-size).
	pipeMost = 1 << 20
)

// The streams of a process, under their names in E2B's schema.
const (
	streamStdout = "stdout"
	streamStderr = "stderr"
	streamPTY    = "pty"
)

// output is an end of a pipe, or a terminal, that a process writes to the other end of.
type output struct {
	from   *os.File
	stream string
}

// outputPiece is some of what a process wrote. The bytes are good until the reader takes its next piece.
type outputPiece struct {
	stream string
	bytes  []byte
}

// outputReader gets what a process writes, piece by piece, and holds the process up while it does not take the next one.
type outputReader struct {
	pieces chan outputPiece // without a buffer: nothing is kept for those who are slow
	gone   chan struct{}    // closed by the reader when it takes no more
}

func newOutputReader() *outputReader {
	return &outputReader{pieces: make(chan outputPiece), gone: make(chan struct{})}
}

// attach makes reader get what is written from now on. It returns what is kept of the output before, from position after, and
// where that begins.
func (s *session) attach(reader *outputReader, after uint64) (uint64, []outputPiece) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readers = append(append([]*outputReader(nil), s.readers...), reader)
	return s.kept.from(after)
}

// detach is the reader's own last word.
func (s *session) detach(reader *outputReader) {
	close(reader.gone)
	s.mu.Lock()
	defer s.mu.Unlock()
	var rest []*outputReader
	for _, one := range s.readers {
		if one != reader {
			rest = append(rest, one)
		}
	}
	s.readers = rest
}

// deliver keeps a piece, hands it to every reader and returns when each has taken it or left.
func (s *session) deliver(piece outputPiece) {
	s.delivery.Lock()
	defer s.delivery.Unlock()
	s.mu.Lock()
	s.kept.add(piece)
	readers := s.readers
	s.mu.Unlock()
	for _, reader := range readers {
		select {
		case reader.pieces <- piece:
		case <-reader.gone:
		}
	}
}

// pump delivers what comes out of a pipe until its end. When the process has ended and a child that it left behind still holds
// the pipe, the pump is done after a moment of silence, and goes on emptying the pipe so that the child is not stopped by it.
func (s *session) pump(output output, pumps *sync.WaitGroup) {
	// Two buffers in turn: a reader that takes the second piece has done with the first.
	buffers := [2][]byte{make([]byte, pumpSize), make([]byte, pumpSize)}
	rest := pipeMost
	for turn := 0; ; turn = 1 - turn {
		n, err := output.from.Read(buffers[turn])
		if errors.Is(err, os.ErrDeadlineExceeded) {
			// A deadline may have passed before the pipe was looked at.
			n, err = readNow(output.from, buffers[turn])
		}
		if n > 0 {
			s.deliver(outputPiece{output.stream, buffers[turn][:n]})
		}
		if s.exited.Load() {
			rest -= n
			_ = output.from.SetReadDeadline(time.Now().Add(quiet))
		}
		if err == syscall.EAGAIN || (err == nil && rest <= 0) {
			pumps.Done()
			_ = output.from.SetReadDeadline(time.Time{})
			buffer := make([]byte, pumpSize) // a reader may be at either of the two
			for err == nil || err == syscall.EAGAIN {
				_, err = output.from.Read(buffer)
			}
			output.from.Close()
			return
		}
		if err != nil {
			output.from.Close()
			pumps.Done()
			return
		}
	}
}

// readNow reads what is there, or returns EAGAIN.
func readNow(from *os.File, buffer []byte) (n int, err error) {
	raw, err := from.SyscallConn()
	if err != nil {
		return 0, err
	}
	var failed error
	if err = raw.Control(func(fd uintptr) { n, failed = syscall.Read(int(fd), buffer) }); err != nil {
		return 0, err
	}
	if n == 0 && failed == nil {
		failed = os.ErrClosed // the end of the pipe
	}
	if n < 0 {
		n = 0
	}
	return n, failed
}
