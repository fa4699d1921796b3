package main

import (
	"io"
	"net/http"
)

// inputAsk is process.ProcessInput: one of the two.
type inputAsk struct {
	Stdin []byte `json:"stdin"`
	PTY   []byte `json:"pty"`
	// Either is no part of E2B's schema: for whichever of the two the process has, from who does not know.
	Either []byte `json:"either"`
}

// feed returns when the input is in the process's pipe or terminal.
func (s *session) feed(r *http.Request, input inputAsk) error {
	bytes := input.Stdin
	switch {
	case input.Stdin == nil && input.PTY == nil && input.Either == nil:
		return invalidArgument("the input must be stdin or pty")
	case s.input == nil:
		return failedPrecondition("the process was started without an input")
	case input.Either != nil:
		bytes = input.Either
	case input.Stdin != nil && s.pty != nil:
		return failedPrecondition("the process has a terminal: its input is pty")
	case input.PTY != nil && s.pty == nil:
		return failedPrecondition("the process has no terminal: its input is stdin")
	case input.PTY != nil:
		bytes = input.PTY
	}
	return s.input.write(r.Context(), bytes)
}

// inputRequest is process.SendInputRequest.
type inputRequest struct {
	Process selector `json:"process"`
	Input   inputAsk `json:"input"`
}

// sendInput answers process.Process/SendInput.
func (a *agent) sendInput(r *http.Request, ask *inputRequest) (interface{}, error) {
	one, err := a.sessions.find(ask.Process)
	if err != nil {
		return nil, err
	}
	return nil, one.feed(r, ask.Input)
}

// closeInput answers process.Process/CloseStdin. Closing what is closed is no error.
func (a *agent) closeInput(r *http.Request, ask *connectRequest) (interface{}, error) {
	one, err := a.sessions.find(ask.Process)
	if err != nil {
		return nil, err
	}
	if one.pty != nil {
		return nil, failedPrecondition("the input of a terminal ends with Ctrl+D (0x04)")
	}
	if one.input == nil {
		return nil, nil
	}
	return nil, one.input.close(r.Context())
}

// streamedInput is process.StreamInputRequest: one of them names the process, those after it carry its input.
type streamedInput struct {
	Start *connectRequest `json:"start"`
	Data  *struct {
		Input inputAsk `json:"input"`
	} `json:"data"`
}

// streamInput answers process.Process/StreamInput when the stream has ended and all of it has been written.
func (a *agent) streamInput(w http.ResponseWriter, r *http.Request) {
	stream := openStream(w, r)
	if stream == nil {
		return
	}
	defer stream.close()
	ctx, cancel := stream.bounded()
	defer cancel()
	err := a.takeStream(r.WithContext(ctx))
	if err == nil {
		_ = stream.write(append(stream.begin(), "{}"...), 0)
	}
	stream.end(err)
}

func (a *agent) takeStream(r *http.Request) error {
	var to *session
	for {
		message, err := readEnvelope(r.Body)
		if err == io.EOF {
			return nil
		}
		var input streamedInput
		if err == nil {
			err = parseMessage(message, &input)
		}
		switch {
		case err != nil:
		case input.Start != nil:
			to, err = a.sessions.find(input.Start.Process)
		case input.Data == nil: // a sign of life
		case to == nil:
			err = invalidArgument("the stream must begin by naming the process")
		default:
			err = to.feed(r, input.Data.Input)
		}
		if err != nil {
			return err
		}
	}
}
