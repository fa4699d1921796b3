package main

import (
	"runtime"
	"syscall"
	"time"
)

const (
	// plainPatience is how long a command may take before its start is told by itself and not together with what comes next.
	plainPatience = 30 * time.Millisecond
	// pieceLeast and pumpSize bound a piece of output: pieces grow while a command writes more than fits.
	pieceLeast  = 4 << 10
	pollHangUp  = 0x2000 // POLLRDHUP: the caller sends no more, and so is gone
	sysPidfdNew = 434    // pidfd_open(2), on amd64 and arm64
)

// plainRun is one command of a plain start: one goroutine and one poll(2) look after its output, its end, its time and its caller.
// To all others it is a session like any.
type plainRun struct {
	session *session
	answer  *plainAnswer
	retire  func(*session)
	process int    // its pidfd; -1 once it has ended
	pipes   [2]int // its stdout and stderr; -1 once they are read
	until   time.Time
	left    int64 // of the output that is told; counts when most > 0
	most    int64
	cut     bool
	killed  bool
	// Two in turn: a reader that takes the second piece has done with the first.
	buffers [2][]byte
	turn    int
}

// runPlain answers a plain start on a connection, to the end of the command.
func (a *agent) runPlain(conn int, start *plainStart) {
	answer := &plainAnswer{fd: conn}
	run, err := a.beginPlain(start)
	if err != nil {
		answer.end(err)
		return
	}
	run.answer = answer
	answer.begin(run.session.pid)
	run.follow()
}

func (a *agent) beginPlain(start *plainStart) (*plainRun, error) {
	who, err := a.accountOf(start.user)
	if err != nil {
		return nil, err
	}
	program, _, err := a.planStart(who, &start.ask)
	if err != nil {
		return nil, err
	}
	most := start.ask.Thaw.MaxOutputBytes
	run := &plainRun{retire: a.sessions.retire, most: most, left: most}
	if start.limit > 0 {
		run.until = time.Now().Add(start.limit)
	}
	_, err = a.sessions.add(func() (*session, error) { return run.start(program, start.ask.Process) })
	return run, err
}

// start starts the program with two pipes, of which the run holds the reading ends.
func (p *plainRun) start(program *program, config processConfig) (*session, error) {
	var theirs [2]int
	for i := range theirs {
		var ends [2]int
		if err := syscall.Pipe2(ends[:], syscall.O_CLOEXEC); err != nil {
			for j := 0; j < i; j++ {
				closeFD(theirs[j])
				closeFD(p.pipes[j])
			}
			return nil, err
		}
		_ = syscall.SetNonblock(ends[0], true)
		p.pipes[i], theirs[i] = ends[0], ends[1]
	}
	pid, err := program.startWith(nothing().Fd(), uintptr(theirs[0]), uintptr(theirs[1]))
	closeFD(theirs[0])
	closeFD(theirs[1])
	if err == nil {
		fd, _, errno := syscall.RawSyscall(sysPidfdNew, uintptr(pid), 0, 0)
		p.process = int(fd)
		if errno != 0 {
			_ = syscall.Kill(pid, syscall.SIGKILL)
			_, _ = syscall.Wait4(pid, nil, 0, nil)
			err = errno
		}
	}
	if err != nil {
		closeFD(p.pipes[0])
		closeFD(p.pipes[1])
		return nil, err
	}
	p.session = &session{config: config, pid: pid, ended: make(chan struct{})}
	return p.session, nil
}

// startWith starts the program with these descriptors as its standard streams, and returns its process id.
func (p *program) startWith(in, out, err uintptr) (int, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	_, _, _ = syscall.RawSyscall(syscall.SYS_PRCTL, prSetTimerSlack, usualSlack, 0)
	files := []uintptr{in, out, err}
	pid, failed := syscall.ForkExec(p.path, p.argv, &syscall.ProcAttr{Dir: p.attr.Dir, Env: p.attr.Env, Files: files, Sys: p.attr.Sys})
	if failed != nil {
		return 0, &startFailure{p.path + ": " + failed.Error()}
	}
	return pid, nil
}

// follow looks after the command until it has ended and that has been told.
func (p *plainRun) follow() {
	rest := pipeMost
	for p.process >= 0 || p.pipes[0] >= 0 || p.pipes[1] >= 0 {
		ready := p.wait()
		for i, pipe := range p.pipes {
			if pipe < 0 || !(ready.pipes[i] || ready.ended) {
				continue
			}
			n, open := p.read(i)
			if !open {
				closeFD(pipe)
				p.pipes[i] = -1
			}
			if p.process < 0 {
				rest -= n
			}
		}
		if ready.ended {
			p.reap()
		}
		if p.process < 0 && (ready.silent || rest <= 0) {
			break
		}
	}
	for _, pipe := range p.pipes {
		if pipe >= 0 {
			go empty(pipe)
		}
	}
	p.retire(p.session)
	close(p.session.ended)
	p.answer.ended(p.session, p.cut)
}

// plainReady is what a wait came to.
type plainReady struct {
	pipes  [2]bool
	ended  bool // the process has just ended
	silent bool // nothing was written for a moment
}

// wait waits for output, the end, the time limit, or the caller's leaving. What the last two mean it does itself.
func (p *plainRun) wait() (ready plainReady) {
	polls := [4]pollFD{
		{fd: int32(p.pipes[0]), events: pollIn},
		{fd: int32(p.pipes[1]), events: pollIn},
		{fd: int32(p.process), events: pollIn},
		{fd: int32(p.answer.fd), events: pollHangUp},
	}
	if p.killed {
		polls[3].fd = -1
	}
	patience := time.Duration(-1)
	switch {
	case p.process < 0:
		patience = quiet
	case !p.until.IsZero() && !p.killed:
		if patience = time.Until(p.until); patience <= 0 {
			p.session.timedOut.Store(true)
			p.kill()
			return ready
		}
	}
	if !p.answer.told && (patience < 0 || patience > plainPatience) {
		patience = plainPatience
	}
	var limit *syscall.Timespec
	if patience >= 0 {
		spec := syscall.NsecToTimespec(int64(patience))
		limit = &spec
	}
	count, errno := waitReady(polls[:], limit)
	if errno != 0 {
		return ready // interrupted; there is no other way for it to fail
	}
	if count == 0 {
		ready.silent = true
		p.answer.flush()
		return ready
	}
	ready.pipes = [2]bool{polls[0].revents != 0, polls[1].revents != 0}
	ready.ended = polls[2].revents != 0
	if polls[3].revents != 0 {
		p.kill()
	}
	return ready
}

// read takes one piece of output, if there is one. False: the pipe has come to its end.
func (p *plainRun) read(which int) (int, bool) {
	buffer := p.buffers[p.turn]
	if buffer == nil {
		buffer = make([]byte, pieceLeast)
	}
	n, err := syscall.Read(p.pipes[which], buffer)
	if n <= 0 {
		return 0, err == syscall.EAGAIN || err == syscall.EINTR
	}
	p.tell([...]string{streamStdout, streamStderr}[which], buffer[:n])
	if n == len(buffer) && n < pumpSize {
		buffer = make([]byte, pumpSize)
	}
	p.buffers[p.turn] = buffer
	p.turn = 1 - p.turn
	return n, true
}

// tell passes a piece on, to the caller within its bound.
func (p *plainRun) tell(stream string, bytes []byte) {
	told := bytes
	if p.most > 0 && int64(len(told)) > p.left {
		told, p.cut = told[:p.left], true
	}
	p.left -= int64(len(told))
	if len(told) > 0 && !p.answer.output(stream, told, p.until) {
		p.kill()
	}
	p.session.deliver(outputPiece{stream, bytes})
}

// reap takes the ending of the process.
func (p *plainRun) reap() {
	var status syscall.WaitStatus
	p.session.exited.Store(true)
	for {
		if _, err := syscall.Wait4(p.session.pid, &status, 0, nil); err != syscall.EINTR {
			break
		}
	}
	closeFD(p.process)
	p.process = -1
	p.session.end, p.session.status = endingOf(status), statusText(status)
}

// kill ends the command and everything in its session, once.
func (p *plainRun) kill() {
	if !p.killed && p.process >= 0 {
		killSession(p.session.pid)
	}
	p.killed = true
}

// empty reads a pipe that somebody whom the command left behind still writes to, so that it is not stopped by it.
func empty(pipe int) {
	_ = syscall.SetNonblock(pipe, false)
	buffer := make([]byte, pumpSize)
	for {
		n, err := syscall.Read(pipe, buffer)
		if n <= 0 && err != syscall.EINTR {
			closeFD(pipe)
			return
		}
	}
}
