package main

import "syscall"

// The thaw port is on the way of every cold start. One goroutine waits in one blocking system call for whatever comes: a
// thaw, a subscriber, or a line of a subscriber. It wakes no other, allocates nothing, and runs only when something came. It is not
// locked to its thread: a locked goroutine that the scheduler interrupts is handed from thread to thread and back.
//
//	host -> agent   thaw ...\n               see thawline.go
//	agent -> host   ok\n                     everything is renewed; or
//	                error <step> <message>\n a step failed and none after it was done; step is one of
//	                                         read, parse, reseed, clock, identity, limits, page, subscribers
//
// One line each way, then the host closes. The agent leaves the connection open until then, and the host takes its time: closing is
// as much code as answering was, and would stand between the answer and the first request.
type thawPort struct {
	listener    int // TCP
	door        int // unix, of the subscribers
	peer        [4]byte
	steps       thawSteps
	subscribers *subscriberSet

	answered int // the connection that was answered last and is not closed yet, or -1

	polls   [3 + subscribersMost]pollFD
	line    [thawLineMost]byte
	answer  [thawLineMost]byte
	request thawRequest
}

// thawReadLimit is how long the host may take to send its line, in seconds.
const thawReadLimit = 5

// serve runs until the process ends. It returns only what poll(2) fails with.
func (t *thawPort) serve() syscall.Errno {
	for {
		if errno := t.once(); errno != 0 {
			return errno
		}
	}
}

// once waits for something and deals with it. What subscribers did comes before a thaw, so that one which has left is not
// waited for and one which has just come is not passed over.
func (t *thawPort) once() syscall.Errno {
	set := t.subscribers
	t.polls[0] = pollFD{fd: int32(t.listener), events: pollIn}
	t.polls[1] = pollFD{fd: int32(t.door), events: pollIn}
	t.polls[2] = pollFD{fd: int32(t.answered), events: pollIn}
	for i, one := range set.list {
		t.polls[3+i] = pollFD{fd: int32(one.fd), events: pollIn}
	}
	count := len(set.list)
	if _, errno := waitReady(t.polls[:3+count], nil); errno != 0 {
		if errno == syscall.EINTR {
			return 0
		}
		return errno
	}
	for i := count - 1; i >= 0; i-- { // from the end, as hear may drop
		if t.polls[3+i].revents != 0 {
			set.hear(i)
		}
	}
	if t.polls[1].revents != 0 {
		set.admit(t.door)
	}
	if t.polls[2].revents != 0 {
		t.leave()
	}
	if t.polls[0].revents != 0 {
		t.meet()
	}
	return 0
}

// meet accepts one connection and answers it, if it comes from the host.
func (t *thawPort) meet() {
	var from syscall.RawSockaddrInet4
	fd, errno := accept(t.listener, &from, 0)
	if errno != 0 {
		return
	}
	if from.Addr != t.peer {
		closeFD(fd)
		return
	}
	t.leave()
	t.converse(fd)
	t.answered = fd
}

// leave closes the connection that was answered last: the host has closed it, or sent more than its line.
func (t *thawPort) leave() {
	if t.answered >= 0 {
		closeFD(t.answered)
		t.answered = -1
	}
}

// converse reads one line and answers with one.
func (t *thawPort) converse(fd int) {
	have := 0
	for have == 0 || t.line[have-1] != '\n' {
		if have == len(t.line) {
			t.say(fd, "parse", "line is too long")
			return
		}
		n, errno := receive(fd, t.line[have:])
		if errno == syscall.EINTR {
			continue
		}
		if errno != 0 || n == 0 {
			t.say(fd, "read", "line broke off")
			return
		}
		have += n
	}
	if message := parseThaw(t.line[:have-1], &t.request); message != "" {
		t.say(fd, "parse", message)
		return
	}
	step, message := t.steps.run(&t.request)
	t.request.entropy = [entropySize]byte{}
	t.say(fd, step, message)
}

// say writes the answer: ok without a step. A line break in a message would end the answer early, so it becomes a space.
func (t *thawPort) say(fd int, step, message string) {
	n := 0
	if step == "" {
		n = copy(t.answer[:], "ok")
	} else {
		n = copy(t.answer[:], "error ")
		n += copy(t.answer[n:], step)
		n += copy(t.answer[n:], " ")
		n += copy(t.answer[n:len(t.answer)-1], message)
		for i := range t.answer[:n] {
			if t.answer[i] == '\n' {
				t.answer[i] = ' '
			}
		}
	}
	t.answer[n] = '\n'
	_, _ = sendNow(fd, t.answer[:n+1])
}
