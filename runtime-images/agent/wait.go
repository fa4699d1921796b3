package main

import (
	"net/http"
	"strconv"
	"time"
)

// waitStep is how often the socket tables are looked at while somebody waits; nothing runs when nobody does.
const waitStep = 15 * time.Millisecond

// waitAnswer is the body of GET /wait: listening, or one reason why not.
type waitAnswer struct {
	Listening bool `json:"listening"`
	// LoopbackOnly: it listens where only the guest itself can reach it.
	LoopbackOnly bool    `json:"loopbackOnly,omitempty"`
	Exited       *ending `json:"exited,omitempty"`
	TimedOut     bool    `json:"timedOut,omitempty"`
}

// wait answers GET /wait?port=8080&timeoutMs=n as soon as something listens on the port, the supervised process has ended,
// or the time is over (0 or none: as long as the caller stays).
func (a *agent) wait(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	port, err := strconv.ParseUint(query.Get("port"), 10, 16)
	if err != nil || port == 0 {
		answerError(w, badRequest("port must be a number from 1 to 65535"))
		return
	}
	var limit uint64
	if text := query.Get("timeoutMs"); text != "" {
		if limit, err = strconv.ParseUint(text, 10, 32); err != nil {
			answerError(w, badRequest("timeoutMs must be a number"))
			return
		}
	}
	var over <-chan time.Time
	if limit > 0 {
		timer := time.NewTimer(time.Duration(limit) * time.Millisecond)
		defer timer.Stop()
		over = timer.C
	}
	var exited <-chan struct{}
	run := a.process.latest()
	if run != nil {
		exited = run.done
	}
	ticker := time.NewTicker(waitStep)
	defer ticker.Stop()
	for {
		if where := listening(uint16(port)); where != nobody {
			answerJSON(w, http.StatusOK, waitAnswer{Listening: true, LoopbackOnly: where == onLoopback})
			return
		}
		select {
		case <-exited:
			answerJSON(w, http.StatusOK, waitAnswer{Exited: &run.end})
			return
		case <-over:
			answerJSON(w, http.StatusOK, waitAnswer{TimedOut: true})
			return
		case <-r.Context().Done():
			return
		case <-ticker.C:
		}
	}
}
