package main

import (
	"sort"
	"strconv"
	"sync"
)

// endedKept is how many ended sessions are remembered, so that who comes late still learns how they ended.
const endedKept = 32

// sessions are those that run, and the last that ended.
type sessions struct {
	mu      sync.Mutex
	running map[int]*session // by process id
	started uint64           // how many there have been
	ended   []*session       // the newest last
}

// selector names a session, by one of the two.
type selector struct {
	Pid *int    `json:"pid"`
	Tag *string `json:"tag"`
}

func (s selector) check() error {
	if s.Pid == nil && s.Tag == nil {
		return invalidArgument("a process must be named by its pid or its tag")
	}
	return nil
}

func (s selector) names(one *session) bool {
	if s.Pid != nil {
		return one.pid == *s.Pid
	}
	return one.tag != nil && *one.tag == *s.Tag
}

func (s selector) String() string {
	if s.Pid != nil {
		return "pid " + strconv.Itoa(*s.Pid)
	}
	return "tag " + shortened(*s.Tag)
}

func notRunning(who string) *connectError {
	return &connectError{code: codeNotFound, message: "no such process: " + who}
}

// add is called with a start that is under way: nobody looks for a session between its start and its place in the list.
func (t *sessions) add(start func() (*session, error)) (*session, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	one, err := start()
	if err != nil {
		return nil, err
	}
	if t.running == nil {
		t.running = map[int]*session{}
	}
	t.started++
	one.order = t.started
	t.running[one.pid] = one
	return one, nil
}

// retire moves a session that has ended.
func (t *sessions) retire(one *session) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.running[one.pid] == one {
		delete(t.running, one.pid)
	}
	t.ended = append(t.ended, one)
	if len(t.ended) > endedKept {
		t.ended = append([]*session(nil), t.ended[1:]...)
	}
}

// find returns a session that runs; of several with one tag the newest.
func (t *sessions) find(which selector) (*session, error) {
	if err := which.check(); err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	var found *session
	for _, one := range t.running {
		if which.names(one) && (found == nil || one.order > found.order) {
			found = one
		}
	}
	if found == nil {
		return nil, notRunning(which.String())
	}
	return found, nil
}

// findAny also finds one that has ended.
func (t *sessions) findAny(which selector) (*session, error) {
	found, err := t.find(which)
	if err == nil || which.check() != nil {
		return found, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := len(t.ended) - 1; i >= 0; i-- {
		if which.names(t.ended[i]) {
			return t.ended[i], nil
		}
	}
	return nil, err
}

// list returns those that run, the oldest first.
func (t *sessions) list() []*session {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := make([]*session, 0, len(t.running))
	for _, one := range t.running {
		all = append(all, one)
	}
	sort.Slice(all, func(i, j int) bool { return all[i].order < all[j].order })
	return all
}
