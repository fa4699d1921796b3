package main

import (
	"errors"
	"net/http"
)

// startProcess answers POST /process: 200 with the state, 409 while one is running, 422 when it cannot be started.
func (a *agent) startProcess(w http.ResponseWriter, r *http.Request) {
	var ask processRequest
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
	run, err := a.process.start(&ask, who)
	var failure *startFailure
	if errors.As(err, &failure) {
		err = &refusal{http.StatusUnprocessableEntity, "start_failed", failure.message}
	}
	if err != nil {
		answerError(w, err)
		return
	}
	answerJSON(w, http.StatusOK, run.state())
}

// showProcess answers GET /process: 404 before the first one was started.
func (a *agent) showProcess(w http.ResponseWriter, _ *http.Request) {
	answerProcess(w, a.process.latest())
}

// stopProcess answers DELETE /process once the process has ended. Stopping what has ended already is no error.
func (a *agent) stopProcess(w http.ResponseWriter, _ *http.Request) {
	answerProcess(w, a.process.stop())
}

func answerProcess(w http.ResponseWriter, run *supervised) {
	if run == nil {
		answerError(w, notFound("no process was started"))
		return
	}
	answerJSON(w, http.StatusOK, run.state())
}
