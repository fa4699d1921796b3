package main

import (
	"os"
	"sync"
	"syscall"
	"time"
)

const (
	// stopGrace is how long a process may take to end after SIGTERM.
	stopGrace = 5 * time.Second
	// lastLines is how long the output of an ended process is waited for, so that who learns of its end finds its last lines.
	lastLines = 500 * time.Millisecond
)

// processRequest is the body of POST /process.
type processRequest struct {
	command
	Name     string `json:"name"`
	TasksMax int    `json:"tasksMax"` // processes and threads; 0: no bound
}

// processState is what GET /process shows. Code or signal is set once it has ended.
type processState struct {
	Name    string `json:"name"`
	Pid     int    `json:"pid"`
	Running bool   `json:"running"`
	ending
	StartedAt string `json:"startedAt"`
}

// supervised is one process that was started, running or ended.
type supervised struct {
	name      string
	pid       int
	startedAt time.Time
	done      chan struct{} // closed when it has ended and its last lines are in the log
	end       ending        // valid once done is closed
}

func (s *supervised) running() bool {
	select {
	case <-s.done:
		return false
	default:
		return true
	}
}

func (s *supervised) state() processState {
	state := processState{Name: s.name, Pid: s.pid, Running: s.running(), StartedAt: s.startedAt.UTC().Format(logTime)}
	if !state.Running {
		state.ending = s.end
	}
	return state
}

// supervisor looks after the one process that a VM is for. When its leader ends, what it left behind is killed.
type supervisor struct {
	mu    sync.Mutex
	group *cgroup // nil where there is no cgroup2
	// harden is called before a start; nil: there is nothing to do.
	harden  func()
	logs    *logRing
	now     func() time.Time
	current *supervised // the newest, or nil before the first
}

// latest returns the newest process, or nil.
func (s *supervisor) latest() *supervised {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current
}

// start runs the process. It refuses with a conflict while another is running.
func (s *supervisor) start(ask *processRequest, who account) (*supervised, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current != nil && s.current.running() {
		return nil, conflict("process " + s.current.name + " is running")
	}
	program, err := ask.prepare(who)
	if err != nil {
		return nil, err
	}
	if s.group != nil {
		if message := s.group.limitTasks(int64(ask.TasksMax)); message != "" {
			return nil, &startFailure{"pids.max: " + message}
		}
	}
	if s.harden != nil {
		s.harden()
	}
	var pipes, theirs [2]*os.File
	for i := range pipes {
		if pipes[i], theirs[i], err = os.Pipe(); err != nil {
			return nil, err
		}
		defer theirs[i].Close() // the child has its own
	}
	process, err := startInside(program, s.group, nothing(), theirs[0], theirs[1])
	if err != nil {
		pipes[0].Close()
		pipes[1].Close()
		return nil, err
	}
	run := &supervised{name: ask.Name, pid: process.Pid, startedAt: s.now(), done: make(chan struct{})}
	s.current = run
	read := s.capture(pipes)
	go func() {
		status := waitFor(process)
		s.killAll(run.pid)
		select {
		case <-read:
		case <-time.After(lastLines):
		}
		pipes[0].Close()
		pipes[1].Close()
		run.end = endingOf(status)
		close(run.done)
	}()
	return run, nil
}

// capture reads both pipes into the log and returns a channel that closes when both have ended.
func (s *supervisor) capture(pipes [2]*os.File) <-chan struct{} {
	var readers sync.WaitGroup
	readers.Add(len(pipes))
	for i, stream := range []string{"stdout", "stderr"} {
		go func(pipe *os.File, stream string) {
			defer readers.Done()
			_ = copyLines(pipe, func(line string, part bool) { s.logs.add(stream, line, part) })
		}(pipes[i], stream)
	}
	read := make(chan struct{})
	go func() {
		readers.Wait()
		close(read)
	}()
	return read
}

// stop asks the process to end, then makes it, and returns when it has. It returns the newest process, or nil if there never was one.
func (s *supervisor) stop() *supervised {
	run := s.latest()
	if run == nil || !run.running() {
		return run
	}
	_ = syscall.Kill(-run.pid, syscall.SIGTERM)
	timer := time.NewTimer(stopGrace)
	defer timer.Stop()
	select {
	case <-run.done:
	case <-timer.C:
		s.killAll(run.pid)
		<-run.done
	}
	return run
}

func (s *supervisor) killAll(leader int) {
	killSession(leader)
	if s.group != nil {
		s.group.kill()
	}
}
