package main

import (
	"encoding/json"
	"net/http"
	"syscall"
)

// processInfo is process.ProcessInfo.
type processInfo struct {
	Config processConfig `json:"config"`
	Pid    int           `json:"pid"`
	Tag    *string       `json:"tag,omitempty"`
}

// listSessions answers process.Process/List.
func (a *agent) listSessions(_ *http.Request, _ *struct{}) (interface{}, error) {
	all := []processInfo{}
	for _, one := range a.sessions.list() {
		all = append(all, processInfo{one.config, one.pid, one.tag})
	}
	return map[string][]processInfo{"processes": all}, nil
}

// signalRequest is process.SendSignalRequest.
type signalRequest struct {
	Process selector        `json:"process"`
	Signal  json.RawMessage `json:"signal"` // the name of an enum's value, or its number
}

// number reads the signal: SIGNAL_SIGTERM, SIGNAL_SIGKILL, and beyond the schema every other signal in the same form.
func (s *signalRequest) number() (syscall.Signal, error) {
	var name string
	var number int
	if json.Unmarshal(s.Signal, &name) == nil {
		for n, known := range signalNames {
			if known != "" && name == "SIGNAL_"+known {
				return syscall.Signal(n), nil
			}
		}
	} else if json.Unmarshal(s.Signal, &number) == nil && number > 0 && number < len(signalNames) {
		return syscall.Signal(number), nil
	}
	return 0, invalidArgument("no such signal: " + shortened(string(s.Signal)))
}

// signalSession answers process.Process/SendSignal.
func (a *agent) signalSession(_ *http.Request, ask *signalRequest) (interface{}, error) {
	signal, err := ask.number()
	if err != nil {
		return nil, err
	}
	one, err := a.sessions.find(ask.Process)
	if err != nil {
		return nil, err
	}
	return nil, one.signal(signal)
}

// updateRequest is process.UpdateRequest.
type updateRequest struct {
	Process selector     `json:"process"`
	PTY     *terminalAsk `json:"pty"`
}

// updateSession answers process.Process/Update: a new size of the terminal.
func (a *agent) updateSession(_ *http.Request, ask *updateRequest) (interface{}, error) {
	one, err := a.sessions.find(ask.Process)
	if err != nil || ask.PTY == nil {
		return nil, err
	}
	if one.pty == nil {
		return nil, failedPrecondition("the process has no terminal")
	}
	size, err := ask.PTY.window()
	if err != nil {
		return nil, err
	}
	return nil, resizePTY(one.pty, size)
}
