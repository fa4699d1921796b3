package main

import (
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// processConfig is what a process was asked to be, as a list shows it again.
type processConfig struct {
	Cmd  string            `json:"cmd"`
	Args []string          `json:"args,omitempty"`
	Envs map[string]string `json:"envs,omitempty"`
	Cwd  *string           `json:"cwd,omitempty"`
}

// session is a process started by E2B's schema, which leads a session of its own, and everything in that. It goes on when
// those who read its output leave, and comes to its end when it wants to, by a signal, or when its time is over.
type session struct {
	config processConfig
	tag    *string
	pid    int
	order  uint64        // of its start among all
	input  *processInput // nil where nothing can be written
	pty    *os.File      // nil without a terminal

	delivery sync.Mutex // held while a piece is handed out, so that all readers get the pieces in the same order
	mu       sync.Mutex
	readers  []*outputReader // replaced as a whole, never changed
	kept     keptOutput
	exited   atomic.Bool // the process itself has ended; others may still hold its pipes
	timedOut atomic.Bool
	ended    chan struct{} // closed when what it wrote has been delivered too
	// Valid once ended is closed.
	end    ending
	status string // in the words of E2B's schema: `exit status 1`, `signal: killed`
}

// sessionStart is how to start one.
type sessionStart struct {
	config processConfig
	tag    *string
	who    account
	size   *windowSize // of a terminal; nil: none
	stdin  bool        // whether its input can be written; ignored with a terminal
	limit  time.Duration
	keep   int           // bytes of output that are kept for those who come later
	reader *outputReader // gets all that it writes; nil: nobody does
}

// startSession starts a process. When it has ended, retire is called, and then its end is told.
func startSession(program *program, how sessionStart, retire func(*session)) (*session, error) {
	s := &session{config: how.config, tag: how.tag, ended: make(chan struct{}), kept: keptOutput{most: how.keep}}
	if how.reader != nil {
		s.readers = []*outputReader{how.reader}
	}
	var ours, theirs []*os.File
	closeAll := func(files []*os.File) {
		for _, file := range files {
			if file != nothing() {
				file.Close()
			}
		}
	}
	outputs, err := s.connect(program, how, &ours, &theirs)
	var process *os.Process
	if err == nil {
		process, err = program.start(theirs[0], theirs[1], theirs[2])
	}
	closeAll(theirs)
	if err != nil {
		closeAll(ours)
		return nil, err
	}
	s.pid = process.Pid
	var timer *time.Timer
	if how.limit > 0 {
		timer = time.AfterFunc(how.limit, func() {
			s.timedOut.Store(true)
			killSession(s.pid)
		})
	}
	var pumps sync.WaitGroup
	pumps.Add(len(outputs))
	for _, output := range outputs {
		go s.pump(output, &pumps)
	}
	go func() {
		status := waitFor(process)
		if timer != nil {
			timer.Stop()
		}
		s.exited.Store(true)
		if s.input != nil && s.pty == nil { // a terminal is read to its end first
			s.input.file.Close()
		}
		for _, output := range outputs {
			_ = output.from.SetReadDeadline(time.Now().Add(quiet))
		}
		pumps.Wait()
		s.end, s.status = endingOf(status), statusText(status)
		retire(s)
		close(s.ended)
	}()
	return s, nil
}

// connect makes the standard streams of a process: its ends are theirs, the agent's ours. It returns those that it writes to.
func (s *session) connect(program *program, how sessionStart, ours, theirs *[]*os.File) ([]output, error) {
	if how.size != nil {
		master, slave, err := openPTY(*how.size, how.who)
		if err != nil {
			return nil, err
		}
		*ours, *theirs = append(*ours, master), append(*theirs, slave, slave, slave)
		program.attr.Sys.Setctty = true // of descriptor 0, which is the default
		s.pty, s.input = master, newProcessInput(master)
		return []output{{master, streamPTY}}, nil
	}
	*theirs = append(*theirs, nothing())
	if how.stdin {
		reader, writer, err := os.Pipe()
		if err != nil {
			return nil, err
		}
		*ours, (*theirs)[0] = append(*ours, writer), reader
		s.input = newProcessInput(writer)
	}
	var outputs []output
	for _, stream := range [...]string{streamStdout, streamStderr} {
		reader, writer, err := os.Pipe()
		if err != nil {
			return nil, err
		}
		*ours, *theirs = append(*ours, reader), append(*theirs, writer)
		outputs = append(outputs, output{reader, stream})
	}
	return outputs, nil
}

// signal sends a signal to the process group; SIGKILL to everything in the session.
func (s *session) signal(signal syscall.Signal) error {
	if s.exited.Load() {
		return notRunning("pid " + strconv.Itoa(s.pid))
	}
	if signal == syscall.SIGKILL {
		killSession(s.pid)
		return nil
	}
	if err := syscall.Kill(-s.pid, signal); err != nil {
		return notRunning("pid " + strconv.Itoa(s.pid))
	}
	return nil
}
