package main

import (
	"context"
	"errors"
	"os"
	"syscall"
)

// shownLength bounds what a message repeats of a request, in bytes: a path may be megabytes long.
const shownLength = 256

func shortened(text string) string {
	if len(text) <= shownLength {
		return text
	}
	return text[:shownLength] + "..."
}

// asConnectError turns whatever went wrong into an error of the protocol.
func asConnectError(err error) *connectError {
	var known *connectError
	var failure *startFailure
	var no *refusal
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &failure):
		return invalidArgument(failure.message)
	case errors.As(err, &no):
		return &connectError{code: refusalCodes[no.code], message: no.message}
	case errors.Is(err, context.DeadlineExceeded):
		return &connectError{code: codeDeadlineExceeded, message: "the call took longer than its time limit"}
	case errors.Is(err, context.Canceled):
		return &connectError{code: codeCanceled, message: "the caller hung up"}
	}
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return &connectError{code: errnoCode(errno), message: kernelWords(err), cause: errno}
	}
	return &connectError{code: codeInternal, message: err.Error()}
}

// refusalCodes are those of the agent's other routes.
var refusalCodes = map[string]connectCode{
	"bad_request": codeInvalidArgument,
	"not_found":   codeNotFound,
	"conflict":    codeFailedPrecondition,
	"too_large":   codeResourceExhausted,
	"disk_full":   codeFailedPrecondition,
}

// errnoCode is what an error of the kernel means to a caller who named a path.
func errnoCode(errno syscall.Errno) connectCode {
	switch errno {
	case syscall.ENOENT:
		return codeNotFound
	case syscall.EEXIST:
		return codeAlreadyExists
	case syscall.ENOTDIR, syscall.EISDIR, syscall.ELOOP, syscall.ENAMETOOLONG, syscall.EINVAL:
		return codeInvalidArgument
	case syscall.EACCES, syscall.EPERM:
		return codePermissionDenied
	case syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS, syscall.EBUSY, syscall.ETXTBSY, syscall.ENOTEMPTY, syscall.EXDEV:
		return codeFailedPrecondition
	}
	return codeInternal
}

// kernelWords says what failed in the form `path: reason`, without the name of the system call.
func kernelWords(err error) string {
	var path *os.PathError
	if errors.As(err, &path) {
		return shortened(path.Path) + ": " + path.Err.Error()
	}
	var link *os.LinkError
	if errors.As(err, &link) {
		return shortened(link.Old) + " to " + shortened(link.New) + ": " + link.Err.Error()
	}
	return err.Error()
}
