package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Processes and files are served by E2B's published envd schema, over Connect (connectrpc.com/docs/protocol) with JSON:
//
//	unary    POST /<package>.<Service>/<Method>, application/json
//	         200 and a JSON message, or the status of the code and {"code":"not_found","message":"..."}
//	stream   POST, application/connect+json; both bodies are rows of envelopes (envelope.go)
//	         always 200; the last envelope says whether it went well
//
// Connect-Timeout-Ms bounds a call. Who the caller is has been decided before: only the host gets here. Which user of the
// guest is meant says the name in basic authorization; the password is not looked at.

// connectError is an error of the protocol.
type connectError struct {
	code    connectCode
	message string
	cause   error // what the kernel said, if anything
}

func (e *connectError) Error() string { return e.message }
func (e *connectError) Unwrap() error { return e.cause }

type connectCode string

const (
	codeCanceled           connectCode = "canceled"
	codeInvalidArgument    connectCode = "invalid_argument"
	codeDeadlineExceeded   connectCode = "deadline_exceeded"
	codeNotFound           connectCode = "not_found"
	codeAlreadyExists      connectCode = "already_exists"
	codePermissionDenied   connectCode = "permission_denied"
	codeResourceExhausted  connectCode = "resource_exhausted"
	codeFailedPrecondition connectCode = "failed_precondition"
	codeUnimplemented      connectCode = "unimplemented"
	codeInternal           connectCode = "internal"
	codeDataLoss           connectCode = "data_loss"
	codeUnauthenticated    connectCode = "unauthenticated"
)

// status is the HTTP status that the protocol gives a code.
func (c connectCode) status() int {
	switch c {
	case codeCanceled:
		return 499
	case codeInvalidArgument, codeFailedPrecondition:
		return http.StatusBadRequest
	case codeDeadlineExceeded:
		return http.StatusGatewayTimeout
	case codeNotFound:
		return http.StatusNotFound
	case codeAlreadyExists:
		return http.StatusConflict
	case codePermissionDenied:
		return http.StatusForbidden
	case codeResourceExhausted:
		return http.StatusTooManyRequests
	case codeUnimplemented:
		return http.StatusNotImplemented
	case codeUnauthenticated:
		return http.StatusUnauthorized
	}
	return http.StatusInternalServerError
}

func invalidArgument(message string) *connectError {
	return &connectError{code: codeInvalidArgument, message: message}
}

func failedPrecondition(message string) *connectError {
	return &connectError{code: codeFailedPrecondition, message: message}
}

// laidOut is an answer that is JSON already.
type laidOut []byte

// unary makes a handler of a method with one message each way. A nil answer is the empty message.
func unary[Ask any](do func(r *http.Request, ask *Ask) (interface{}, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !hasKind(w, r, "application/json") {
			return
		}
		limit, err := checkCall(r)
		if limit > 0 {
			ctx, cancel := context.WithTimeout(r.Context(), limit)
			defer cancel()
			r = r.WithContext(ctx)
		}
		ask := new(Ask)
		var body []byte
		if err == nil {
			body, err = readMessage(r.Body)
		}
		if err == nil {
			err = parseMessage(body, ask)
		}
		var answer interface{}
		if err == nil {
			answer, err = do(r, ask)
		}
		if err != nil {
			answerConnectError(w, err)
			return
		}
		switch message := answer.(type) {
		case nil:
			answerText(w, http.StatusOK, []byte("{}"))
		case laidOut:
			answerText(w, http.StatusOK, message)
		default:
			answerJSON(w, http.StatusOK, answer)
		}
	}
}

// hasKind tells whether the body is of the kind that is answered here; if not, it has been refused.
func hasKind(w http.ResponseWriter, r *http.Request, kind string) bool {
	given := strings.SplitN(r.Header.Get("content-type"), ";", 2)[0]
	if strings.EqualFold(strings.TrimSpace(given), kind) {
		return true
	}
	w.Header().Set("accept-post", kind)
	w.WriteHeader(http.StatusUnsupportedMediaType)
	return false
}

// checkCall refuses what is compressed, and reads the call's time limit; 0 is none.
func checkCall(r *http.Request) (time.Duration, error) {
	for _, name := range []string{"content-encoding", "connect-content-encoding"} {
		if given := r.Header.Get(name); given != "" && given != "identity" {
			return 0, &connectError{code: codeUnimplemented, message: "compression is not understood here: " + shortened(given)}
		}
	}
	return timeLimit(r)
}

// timeLimit reads Connect-Timeout-Ms; 0 is no limit.
func timeLimit(r *http.Request) (time.Duration, error) {
	text := r.Header.Get("connect-timeout-ms")
	if text == "" {
		return 0, nil
	}
	ms, err := strconv.ParseUint(text, 10, 64)
	if err != nil || len(text) > 10 { // ten digits are what the protocol allows
		return 0, invalidArgument("Connect-Timeout-Ms must be a number of at most ten digits")
	}
	return time.Duration(ms) * time.Millisecond, nil
}

// readMessage reads a whole body, which net/http needs before it notices that a caller hung up.
func readMessage(from io.Reader) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(from, bodyLimit+1))
	if err != nil {
		return nil, invalidArgument("the message broke off")
	}
	if len(body) > bodyLimit {
		return nil, &connectError{code: codeResourceExhausted, message: "the message is larger than 8 MiB"}
	}
	return body, nil
}

// parseMessage decodes a message. Fields that are unknown are ignored, as the protocol wants.
func parseMessage(body []byte, into interface{}) error {
	if len(body) == 0 {
		return nil
	}
	if err := json.Unmarshal(body, into); err != nil {
		return invalidArgument("the message is not the JSON expected here: " + err.Error())
	}
	return nil
}

// answerConnectError is the answer of a unary call that failed.
func answerConnectError(w http.ResponseWriter, err error) {
	no := asConnectError(err)
	answerJSON(w, no.code.status(), map[string]string{"code": string(no.code), "message": no.message})
}
