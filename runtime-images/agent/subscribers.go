package main

import (
	"sync/atomic"
	"syscall"
)

// A subscriber is a runtime in the guest that holds state which a thaw must renew: generators, caches, the user's own.
// It connects to the unix stream socket at its start and stays connected. Lines, either way at any time:
//
//	agent -> runtime   thaw <64 hex digits>\n      fresh entropy, different for each subscriber and each thaw
//	runtime -> agent   ok\n                        renewed
//	runtime -> agent   error <message>\n           could not renew: the thaw fails
//	runtime -> agent   pending <n>\n               how much background work it has now
//	runtime -> agent   watches\n                   it watches the renewal page (page.go) and is told of thaws no more
//
// All of this is owned by the one goroutine of the thaw port, so that nothing is locked and no reader competes with a thaw.
const (
	// subscribersMost is as many as the host lets user code have processes, so that none of them is ever turned away.
	subscribersMost    = 512
	subscriberLineMost = 512
	// subscribersLimit is how long a thaw waits for all subscribers together, in seconds.
	subscribersLimit = 5
	entropyForEach   = 32 // bytes
)

type subscriber struct {
	fd      int
	pending int64
	watches bool   // is not told of thaws
	waiting bool   // told of a thaw, has not answered
	failed  string // what its last answer said, if that was an error
	have    int    // bytes of an unfinished line
	line    [subscriberLineMost]byte
}

type subscriberSet struct {
	limit   int64         // seconds
	list    []*subscriber // those connected
	polls   []pollFD      // scratch of tell
	pending atomic.Int64  // the sum; the only part that others read
	random  [entropyForEach]byte
	message [len("thaw ") + 2*entropyForEach + 1]byte
}

func newSubscriberSet(limit int64) *subscriberSet {
	return &subscriberSet{
		limit: limit,
		list:  make([]*subscriber, 0, subscribersMost),
		polls: make([]pollFD, subscribersMost),
	}
}

// admit takes in everybody who knocks; beyond subscribersMost it hangs up on them.
func (s *subscriberSet) admit(door int) {
	for {
		fd, errno := accept(door, nil, syscall.SOCK_NONBLOCK)
		if errno != 0 {
			return
		}
		if len(s.list) == subscribersMost {
			closeFD(fd)
			continue
		}
		s.list = append(s.list, &subscriber{fd: fd})
	}
}

// drop forgets the subscriber at index i.
func (s *subscriberSet) drop(i int) {
	closeFD(s.list[i].fd)
	s.list = append(s.list[:i], s.list[i+1:]...)
	s.count()
}

func (s *subscriberSet) count() {
	var sum int64
	for _, one := range s.list {
		sum += one.pending
	}
	s.pending.Store(sum)
}

// hear reads what the subscriber at index i has to say. False means that it is gone and dropped: the end of the stream, or a line that is none.
func (s *subscriberSet) hear(i int) bool {
	one := s.list[i]
	for {
		n, errno := receiveNow(one.fd, one.line[one.have:])
		if errno == syscall.EAGAIN {
			return true
		}
		if errno == syscall.EINTR {
			continue
		}
		if errno != 0 || n == 0 {
			s.drop(i)
			return false
		}
		full := one.have+n == len(one.line)
		one.have += n
		if !s.take(one) || one.have == len(one.line) {
			s.drop(i)
			return false
		}
		if !full {
			return true
		}
	}
}

// take acts on the whole lines that have come. False means that one is no line of the protocol.
func (s *subscriberSet) take(one *subscriber) bool {
	start := 0
	for i := 0; i < one.have; i++ {
		if one.line[i] != '\n' {
			continue
		}
		word, rest := nextWord(one.line[start:i])
		start = i + 1
		switch string(word) {
		case "ok":
			one.waiting = false
		case "error":
			if one.waiting {
				one.failed = "a subscriber failed: " + string(rest)
			}
			one.waiting = false
		case "watches":
			one.watches = true
		case "pending":
			n := decimal(rest)
			if n < 0 {
				return false
			}
			one.pending = n
			s.count()
		default:
			return false
		}
	}
	one.have = copy(one.line[:], one.line[start:one.have])
	return true
}

// tell is the last step of a thaw: every subscriber that does not watch the page gets entropy of its own and has to answer in time. What one of them says
// against it, or its hanging up, is the message returned.
func (s *subscriberSet) tell() string {
	if len(s.list) == 0 {
		return ""
	}
	for _, one := range s.list {
		if one.watches {
			continue
		}
		if errno := getRandom(s.random[:]); errno != 0 {
			return errno.Error()
		}
		one.waiting, one.failed = true, ""
		if n, errno := sendNow(one.fd, s.compose()); errno != 0 || n != len(s.message) {
			return "a subscriber does not read"
		}
	}
	limit := syscall.Timespec{Sec: s.limit}
	for {
		waiting := 0
		for _, one := range s.list {
			if one.failed != "" {
				return one.failed
			}
			if one.waiting {
				s.polls[waiting] = pollFD{fd: int32(one.fd), events: pollIn}
				waiting++
			}
		}
		if waiting == 0 {
			return ""
		}
		n, errno := waitReady(s.polls[:waiting], &limit)
		if errno == syscall.EINTR {
			continue
		}
		if errno != 0 {
			return errno.Error()
		}
		if n == 0 {
			return "a subscriber did not answer in time"
		}
		for i := 0; i < len(s.list); i++ {
			if s.list[i].waiting && !s.hear(i) {
				return "a subscriber hung up"
			}
		}
	}
}

// compose lays out the line for one subscriber.
func (s *subscriberSet) compose() []byte {
	const digits = "0123456789abcdef"
	n := copy(s.message[:], "thaw ")
	for _, b := range s.random {
		s.message[n], s.message[n+1] = digits[b>>4], digits[b&15]
		n += 2
	}
	s.message[n] = '\n'
	return s.message[:]
}
