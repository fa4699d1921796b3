package main

import (
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// putFile answers PUT /file?path=&mode=&user=: the body becomes the file, whole or not at all (a file beside it, then a rename).
// mode is octal, 0644 unless told. Directories on the way are made and belong to the user too.
func (a *agent) putFile(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	path, err := absolute(query.Get("path"))
	if err != nil {
		answerError(w, err)
		return
	}
	mode := uint64(0o644)
	if text := query.Get("mode"); text != "" {
		if mode, err = strconv.ParseUint(text, 8, 12); err != nil {
			answerError(w, badRequest("mode must be octal"))
			return
		}
	}
	who, err := a.lookup(query.Get("user"))
	if err == nil {
		err = writeFile(path, r.Body, os.FileMode(mode&0o777), who)
	}
	if err != nil {
		refuseBody(w, r, fileError(err))
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func writeFile(path string, from io.Reader, mode os.FileMode, who account) error {
	dir := filepath.Dir(path)
	if err := makeDirs(dir, who); err != nil {
		return err
	}
	file, err := os.CreateTemp(dir, ".thaw-*")
	if err != nil {
		return err
	}
	defer func() {
		file.Close()
		os.Remove(file.Name()) // gone already when the rename took place
	}()
	if _, err := io.Copy(file, from); err != nil {
		return err
	}
	if err := file.Chown(int(who.uid), int(who.gid)); err != nil {
		return err
	}
	if err := file.Chmod(mode); err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}

// makeDirs makes a directory and those above it, each new one the user's.
func makeDirs(path string, who account) error {
	if info, err := os.Stat(path); err == nil {
		if !info.IsDir() {
			return &os.PathError{Op: "mkdir", Path: path, Err: syscall.ENOTDIR}
		}
		return nil
	}
	if err := makeDirs(filepath.Dir(path), who); err != nil {
		return err
	}
	if err := os.Mkdir(path, 0o755); err != nil {
		if os.IsExist(err) {
			return nil
		}
		return err
	}
	return os.Lchown(path, int(who.uid), int(who.gid))
}

// getFile answers GET /file?path= with the bytes of a regular file.
func (a *agent) getFile(w http.ResponseWriter, r *http.Request) {
	path, err := absolute(r.URL.Query().Get("path"))
	if err != nil {
		answerError(w, err)
		return
	}
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // O_NONBLOCK: opening a FIFO must not wait for a writer
	if err != nil {
		answerError(w, fileError(err))
		return
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		answerError(w, err)
		return
	}
	if !info.Mode().IsRegular() {
		answerError(w, badRequest(path+" is no regular file"))
		return
	}
	w.Header().Set("content-type", "application/octet-stream")
	w.Header().Set("content-length", strconv.FormatInt(info.Size(), 10))
	_, _ = io.CopyN(w, file, info.Size())
}

// absolute checks a path parameter.
func absolute(path string) (string, error) {
	if !filepath.IsAbs(path) {
		return "", badRequest("path must be absolute")
	}
	return filepath.Clean(path), nil
}

// fileError turns what the file system said into an answer.
func fileError(err error) error {
	var path *os.PathError
	if !errors.As(err, &path) {
		return err
	}
	message := path.Path + ": " + path.Err.Error()
	switch {
	case errors.Is(err, os.ErrNotExist):
		return notFound(message)
	case errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.EISDIR), errors.Is(err, syscall.ELOOP), errors.Is(err, syscall.ENAMETOOLONG):
		return badRequest(message)
	case errors.Is(err, syscall.ENOSPC):
		return &refusal{http.StatusInsufficientStorage, "disk_full", message}
	}
	return err
}
