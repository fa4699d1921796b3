package main

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
)

// refusal is an answer that says no: an HTTP status, a stable code and a sentence for a person.
// On the wire: {"error":{"code":"...","message":"..."}}
type refusal struct {
	status  int
	code    string
	message string
}

func (r *refusal) Error() string { return r.message }

func badRequest(message string) *refusal {
	return &refusal{http.StatusBadRequest, "bad_request", message}
}

func notFound(message string) *refusal {
	return &refusal{http.StatusNotFound, "not_found", message}
}

func conflict(message string) *refusal {
	return &refusal{http.StatusConflict, "conflict", message}
}

func tooLarge(message string) *refusal {
	return &refusal{http.StatusRequestEntityTooLarge, "too_large", message}
}

// answerError writes err as JSON; what is no refusal becomes a 500.
func answerError(w http.ResponseWriter, err error) {
	var no *refusal
	if !errors.As(err, &no) {
		no = &refusal{http.StatusInternalServerError, "internal", err.Error()}
	}
	answerJSON(w, no.status, map[string]interface{}{
		"error": map[string]string{"code": no.code, "message": no.message},
	})
}

// refuseBody answers with err once the rest of the body has been read: a caller that is still sending would otherwise meet a
// closed connection and never see the answer.
func refuseBody(w http.ResponseWriter, r *http.Request, err error) {
	_, _ = io.Copy(io.Discard, r.Body)
	answerError(w, err)
}

// answerJSON writes value as the whole answer.
func answerJSON(w http.ResponseWriter, status int, value interface{}) {
	body, err := json.Marshal(value)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	answerText(w, status, append(body, '\n'))
}

// answerText writes what is JSON already as the whole answer.
func answerText(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("content-type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
