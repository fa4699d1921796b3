package main

import (
	"encoding/binary"
	"io"
	"sync"
)

// The body of an exec answer is a row of frames:
//
//	+--------+---------------------+------------------+
//	| kind   | length (big endian) | payload          |
//	| 1 byte | 4 bytes             | `length` bytes   |
//	+--------+---------------------+------------------+
//
//	1 stdout   bytes as the command wrote them
//	2 stderr   bytes as the command wrote them
//	3 exit     JSON {"code":n|null,"signal":"SIGKILL"|null,"timedOut":bool,"truncated":bool}; the last frame
//	4 failure  UTF-8 text: why the command could not be started; the last frame
const (
	frameStdout  byte = 1
	frameStderr  byte = 2
	frameExit    byte = 3
	frameFailure byte = 4
)

// frameHeader is the size of kind and length, in bytes.
const frameHeader = 5

// frameWriter writes whole frames from several goroutines and pushes each out at once.
type frameWriter struct {
	mu    sync.Mutex
	to    io.Writer
	flush func()
}

// write sends one frame. The buffer must begin with frameHeader free bytes; the payload follows them.
// Header and payload leave in a single Write, so that a frame costs one packet and not two.
func (f *frameWriter) write(kind byte, buffer []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	buffer[0] = kind
	binary.BigEndian.PutUint32(buffer[1:frameHeader], uint32(len(buffer)-frameHeader))
	_, err := f.to.Write(buffer)
	f.flush()
	return err
}

// writeBytes sends one frame whose payload was not laid out for write.
func (f *frameWriter) writeBytes(kind byte, payload []byte) error {
	return f.write(kind, append(make([]byte, frameHeader, frameHeader+len(payload)), payload...))
}
