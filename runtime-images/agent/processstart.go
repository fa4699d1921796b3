package main

import (
	"context"
	"encoding/base64"
	"math"
	"net/http"
	"strconv"
	"syscall"
	"time"
)

// startRequest is process.StartRequest.
type startRequest struct {
	Process processConfig `json:"process"`
	PTY     *terminalAsk  `json:"pty"`
	Tag     *string       `json:"tag"`
	Stdin   *bool         `json:"stdin"` // whether input can be sent; absent: yes
	// Thaw is no part of E2B's schema, which ignores it.
	Thaw struct {
		// Attached: the process ends when the caller leaves.
		Attached bool `json:"attached"`
		// MaxOutputBytes bounds what is sent of stdout and stderr together, in bytes; the rest is dropped and the end event
		// says `truncated`. 0: no bound.
		MaxOutputBytes int64 `json:"maxOutputBytes"`
		// KeepOutputBytes is how much of the newest output is kept for those who connect later, at most keptMost.
		KeepOutputBytes int `json:"keepOutputBytes"`
	} `json:"thaw"`
}

// terminalAsk is process.PTY.
type terminalAsk struct {
	Size struct {
		Cols uint32 `json:"cols"`
		Rows uint32 `json:"rows"`
	} `json:"size"`
}

// window is the size asked for; what is absent is that of a terminal of old.
func (t *terminalAsk) window() (windowSize, error) {
	cols, rows := t.Size.Cols, t.Size.Rows
	if cols > 0xffff || rows > 0xffff {
		return windowSize{}, invalidArgument("a terminal has at most 65535 columns and rows")
	}
	if cols == 0 {
		cols = 80
	}
	if rows == 0 {
		rows = 24
	}
	return windowSize{rows: uint16(rows), cols: uint16(cols)}, nil
}

// startSession answers process.Process/Start. The time limit of the call is the process's, whether the caller stays or not.
func (a *agent) startSession(w http.ResponseWriter, r *http.Request) {
	var ask startRequest
	stream := openStreamOf(w, r, &ask)
	if stream == nil {
		return
	}
	defer stream.close()
	reader := newOutputReader()
	one, err := a.newSession(r, &ask, stream.limit, reader)
	if err != nil {
		stream.end(err)
		return
	}
	defer one.detach(reader)
	if !one.follow(stream.ctx, stream, reader, following{most: ask.Thaw.MaxOutputBytes}) && ask.Thaw.Attached {
		_ = one.signal(syscall.SIGKILL)
	}
}

func (a *agent) newSession(r *http.Request, ask *startRequest, limit time.Duration, reader *outputReader) (*session, error) {
	who, err := a.caller(r)
	if err != nil {
		return nil, err
	}
	program, size, err := a.planStart(who, ask)
	if err != nil {
		return nil, err
	}
	stdin := ask.Stdin == nil || *ask.Stdin
	how := sessionStart{config: ask.Process, tag: ask.Tag, who: who, size: size, limit: limit, reader: reader, stdin: stdin}
	if keep := ask.Thaw.KeepOutputBytes; keep > 0 {
		how.keep = keep
		if keep > keptMost {
			how.keep = keptMost
		}
	}
	return a.sessions.add(func() (*session, error) { return startSession(program, how, a.sessions.retire) })
}

// planStart makes a program of what was asked for, and says how large its terminal is, if it has one.
func (a *agent) planStart(who account, ask *startRequest) (*program, *windowSize, error) {
	wanted := command{Argv: append([]string{ask.Process.Cmd}, ask.Process.Args...), Env: a.defaults.environment(ask.Process.Envs)}
	if ask.Process.Cwd != nil {
		wanted.Cwd = *ask.Process.Cwd
	}
	var err error
	if wanted.Cwd, err = a.resolve(wanted.Cwd, who); err != nil {
		return nil, nil, err
	}
	var terminal *windowSize
	if ask.PTY != nil {
		size, err := ask.PTY.window()
		if err != nil {
			return nil, nil, err
		}
		terminal = &size
		if _, given := wanted.Env["TERM"]; !given {
			wanted.Env["TERM"] = "xterm"
		}
	}
	if err := wanted.check(); err != nil {
		return nil, nil, err
	}
	program, err := wanted.prepare(who)
	return program, terminal, err
}

// timeIsUp is the error that the answer about a process ends with that was killed when its time was over.
func timeIsUp() error {
	return &connectError{code: codeDeadlineExceeded, message: "the process ran longer than its time limit and was killed"}
}

// connectRequest is process.ConnectRequest.
type connectRequest struct {
	Process selector `json:"process"`
	// Thaw is no part of E2B's schema, which ignores it.
	Thaw struct {
		// After: what is kept of the output behind this position comes first; positions count all bytes of output from the
		// start of the process. The start event tells where what follows begins. Absent: what is written from now on.
		After *uint64 `json:"after"`
	} `json:"thaw"`
}

// connectSession answers process.Process/Connect with what the process writes, and its end.
func (a *agent) connectSession(w http.ResponseWriter, r *http.Request) {
	var ask connectRequest
	stream := openStreamOf(w, r, &ask)
	if stream == nil {
		return
	}
	defer stream.close()
	one, err := a.sessions.findAny(ask.Process)
	if err != nil {
		stream.end(err)
		return
	}
	ctx, cancel := stream.bounded()
	defer cancel()
	reader := newOutputReader()
	after := uint64(math.MaxUint64)
	if ask.Thaw.After != nil {
		after = *ask.Thaw.After
	}
	how := following{told: ask.Thaw.After != nil}
	how.position, how.before = one.attach(reader, after)
	defer one.detach(reader)
	if !one.follow(ctx, stream, reader, how) && ctx.Err() == context.DeadlineExceeded {
		stream.end(ctx.Err())
	}
}

// following is what of a session is sent.
type following struct {
	most     int64         // bytes of output, the rest is dropped; 0: no bound
	before   []outputPiece // output of before, which goes first
	position uint64        // where the output that is sent begins
	told     bool          // whether the caller wants to know the position
}

// follow sends the events of a session. False means that the caller left, or ctx ended, before the session did.
func (s *session) follow(ctx context.Context, stream *eventStream, reader *outputReader, how following) bool {
	message := append(stream.begin(), `{"event":{"start":{"pid":`...)
	message = strconv.AppendInt(message, int64(s.pid), 10)
	if how.told {
		message = strconv.AppendUint(append(message, `,"position":`...), how.position, 10)
	}
	if stream.send(append(message, `}}}`...)) != nil {
		return false
	}
	for _, piece := range how.before {
		if stream.send(appendOutput(stream.begin(), piece.stream, piece.bytes)) != nil {
			return false
		}
	}
	most := how.most
	left, cut := most, false
	for {
		select {
		case piece := <-reader.pieces:
			bytes := piece.bytes
			if most > 0 && int64(len(bytes)) > left {
				bytes, cut = bytes[:left], true
			}
			left -= int64(len(bytes))
			if len(bytes) > 0 && stream.send(appendOutput(stream.begin(), piece.stream, bytes)) != nil {
				return false
			}
		case <-s.ended:
			_ = stream.write(s.appendEnd(stream.begin(), cut), 0)
			var err error
			if s.timedOut.Load() {
				err = timeIsUp()
			}
			stream.end(err)
			return true
		case <-stream.ping:
			if stream.sendText(`{"event":{"keepalive":{}}}`) != nil {
				return false
			}
		case <-ctx.Done():
			return false
		}
	}
}

// appendOutput lays out a data event; bytes are base64 in JSON.
func appendOutput(to []byte, stream string, bytes []byte) []byte {
	to = append(to, `{"event":{"data":{"`...)
	to = append(to, stream...)
	to = append(to, `":"`...)
	start, size := len(to), base64.StdEncoding.EncodedLen(len(bytes))
	if cap(to)-start < size {
		to = append(make([]byte, 0, start+size+8), to...)
	}
	to = to[:start+size]
	base64.StdEncoding.Encode(to[start:], bytes)
	return append(to, `"}}}`...)
}

// appendEnd lays out the end event. `signal` and `truncated` are no part of E2B's schema, which ignores them.
func (s *session) appendEnd(to []byte, truncated bool) []byte {
	code := -1
	if s.end.Code != nil {
		code = *s.end.Code
	}
	to = append(to, `{"event":{"end":{"exitCode":`...)
	to = strconv.AppendInt(to, int64(code), 10)
	to = append(to, `,"exited":`...)
	to = strconv.AppendBool(to, s.end.Code != nil)
	to = appendJSON(append(to, `,"status":`...), s.status)
	if code != 0 {
		to = appendJSON(append(to, `,"error":`...), s.status)
	}
	if s.end.Signal != nil {
		to = appendJSON(append(to, `,"signal":`...), *s.end.Signal)
	}
	if truncated {
		to = append(to, `,"truncated":true`...)
	}
	return append(to, `}}}`...)
}
