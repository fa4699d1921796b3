package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	// bodyLimit bounds a JSON request, in bytes; a kernel's own limit on argv and env together is 2 MiB or more.
	bodyLimit = 8 << 20
	// pumpSize is the largest payload of an output frame, in bytes.
	pumpSize = 32 << 10
	// quiet is how long output may be silent after the command ended before its pipe counts as read:
	// all that the command itself wrote is in the pipe already, only a child left behind can hold it open.
	quiet = 50 * time.Millisecond
	// pipeMost is the most that a pipe can hold when its writer ends, in bytes (fs.pipe-max-size).
	pipeMost = 1 << 20
)

// execRequest is the body of POST /exec.
type execRequest struct {
	command
	TimeoutMs      int64 `json:"timeoutMs"`      // 0: no limit
	MaxOutputBytes int64 `json:"maxOutputBytes"` // of stdout and stderr together; 0: no limit
}

// execExit is the payload of the exit frame.
type execExit struct {
	ending
	TimedOut  bool `json:"timedOut"`
	Truncated bool `json:"truncated"`
}

// exec answers POST /exec: runs a command and streams what it writes. See frames.go for the stream.
func (a *agent) exec(w http.ResponseWriter, r *http.Request) {
	var ask execRequest
	if err := readJSON(r, &ask); err != nil {
		answerError(w, err)
		return
	}
	if err := ask.check(); err != nil {
		answerError(w, err)
		return
	}
	who, err := a.lookup(ask.User)
	if err != nil {
		answerError(w, err)
		return
	}
	w.Header().Set("content-type", "application/octet-stream")
	w.WriteHeader(http.StatusOK)
	flush := flusher(w)
	flush()
	frames := &frameWriter{to: w, flush: flush}
	cmd, err := ask.prepare(who)
	if err == nil {
		var exit execExit
		if exit, err = runCommand(r.Context(), cmd, frames, &ask); err == nil {
			payload, _ := json.Marshal(exit)
			_ = frames.writeBytes(frameExit, payload)
			return
		}
	}
	_ = frames.writeBytes(frameFailure, []byte(err.Error()))
}

// execOutput is one running command's way to its caller.
type execOutput struct {
	frames *frameWriter
	left   int64 // bytes that may still be sent; only counted when limited
	limit  bool
	mu     sync.Mutex
	cut    bool        // something was not sent
	ended  atomic.Bool // the command itself has ended; its pipes may be held open by others
}

// runCommand starts cmd and returns when it has ended and its output has been sent. The whole session is killed when ctx
// ends (the caller hung up) or the time is over. The error says that the command could not be started.
func runCommand(ctx context.Context, cmd *exec.Cmd, frames *frameWriter, ask *execRequest) (execExit, error) {
	out := &execOutput{frames: frames, left: ask.MaxOutputBytes, limit: ask.MaxOutputBytes > 0}
	var pumps sync.WaitGroup
	var readers, writers []*os.File
	closeAll := func(files []*os.File) {
		for _, file := range files {
			file.Close()
		}
	}
	for range []int{1, 2} {
		reader, writer, err := os.Pipe()
		if err != nil {
			closeAll(append(readers, writers...))
			return execExit{}, err
		}
		readers, writers = append(readers, reader), append(writers, writer)
	}
	cmd.Stdout, cmd.Stderr = writers[0], writers[1]
	err := startPunctual(cmd)
	closeAll(writers)
	if err != nil {
		closeAll(readers)
		return execExit{}, plainStartError(err)
	}
	pumps.Add(2)
	go out.pump(readers[0], frameStdout, &pumps)
	go out.pump(readers[1], frameStderr, &pumps)

	var exit execExit
	exit.ending, exit.TimedOut = waitOrKill(ctx, cmd, time.Duration(ask.TimeoutMs)*time.Millisecond)
	out.ended.Store(true)
	for _, reader := range readers {
		_ = reader.SetReadDeadline(time.Now().Add(quiet))
	}
	pumps.Wait()
	exit.Truncated = out.cut
	return exit, nil
}

// waitOrKill waits for cmd's own end, bringing it about when ctx ends or the limit (0: none) is over.
func waitOrKill(ctx context.Context, cmd *exec.Cmd, limit time.Duration) (how ending, timedOut bool) {
	done := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(done)
	}()
	var over <-chan time.Time
	if limit > 0 {
		timer := time.NewTimer(limit)
		defer timer.Stop()
		over = timer.C
	}
	select {
	case <-done:
	case <-ctx.Done():
		killSession(cmd.Process.Pid)
	case <-over:
		timedOut = true
		killSession(cmd.Process.Pid)
	}
	<-done
	return endingOf(cmd.ProcessState.Sys().(syscall.WaitStatus)), timedOut
}

// pump sends what comes out of a pipe until its end. When the command has ended and a child that it left behind still holds
// the pipe, the pump is done after a moment of silence, and goes on emptying the pipe so that the child is not stopped by it.
func (o *execOutput) pump(from *os.File, kind byte, pumps *sync.WaitGroup) {
	buffer := make([]byte, frameHeader+pumpSize)
	rest := pipeMost
	for {
		n, err := from.Read(buffer[frameHeader:])
		o.send(kind, buffer[:frameHeader+n])
		if o.ended.Load() {
			rest -= n
			_ = from.SetReadDeadline(time.Now().Add(quiet))
		}
		if errors.Is(err, os.ErrDeadlineExceeded) || (err == nil && rest <= 0) {
			pumps.Done()
			_ = from.SetReadDeadline(time.Time{})
			for err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
				_, err = from.Read(buffer)
			}
			from.Close()
			return
		}
		if err != nil {
			from.Close()
			pumps.Done()
			return
		}
	}
}

// send passes output on while the budget lasts. A caller that hung up is noticed through its context, not here.
func (o *execOutput) send(kind byte, buffer []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	size := int64(len(buffer) - frameHeader)
	if o.limit && size > o.left {
		buffer, o.cut = buffer[:frameHeader+o.left], true
		size = o.left
	}
	if size == 0 {
		return
	}
	o.left -= size
	_ = o.frames.write(kind, buffer)
}

// plainStartError takes the words of package os off a failed start: `fork/exec /x: permission denied` becomes `/x: permission denied`.
func plainStartError(err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		return &startFailure{path.Path + ": " + path.Err.Error()}
	}
	return err
}
