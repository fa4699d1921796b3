package main

import (
	"compress/gzip"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

const (
	// uploadPrefix begins the names of files that are not whole yet.
	uploadPrefix = ".thaw-upload-"
	// copySize is how much of a file is moved at once, in bytes.
	copySize = 128 << 10
)

// answerHTTPError is how the plain routes of E2B's schema say no: {"code":<the status>,"message":"..."}.
func answerHTTPError(w http.ResponseWriter, err error) {
	no := asConnectError(err)
	status := no.code.status()
	if errors.Is(no, syscall.ENOSPC) || errors.Is(no, syscall.EDQUOT) {
		status = http.StatusInsufficientStorage
	}
	answerJSON(w, status, map[string]interface{}{"code": status, "message": no.message})
}

// fileCaller is who a plain route is for: `username` of the query, else who the call is for.
func (a *agent) fileCaller(r *http.Request, query url.Values) (account, error) {
	if name := query.Get("username"); name != "" {
		return a.accountOf(name)
	}
	return a.caller(r)
}

// upload answers POST /files?path=&username=: a body of application/octet-stream becomes the file at path; one of
// multipart/form-data, each part named `file` the file at its own file name, or at path. A body may be compressed with gzip.
// The answer is a list of what was written.
func (a *agent) upload(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	written, err := a.takeUpload(r, query)
	if err != nil {
		_, _ = io.Copy(io.Discard, r.Body) // a caller that is still sending would never see the answer
		answerHTTPError(w, err)
		return
	}
	answerText(w, http.StatusOK, append(written, ']'))
}

// takeUpload returns the list of what was written, without its end.
func (a *agent) takeUpload(r *http.Request, query url.Values) ([]byte, error) {
	who, err := a.fileCaller(r, query)
	if err != nil {
		return nil, err
	}
	metadata, err := metadataOf(r.Header)
	if err != nil {
		return nil, err
	}
	var body io.Reader = r.Body
	switch encoding := r.Header.Get("content-encoding"); encoding {
	case "", "identity":
	case "gzip":
		if body, err = gzip.NewReader(body); err != nil {
			return nil, invalidArgument("the body is not compressed with gzip")
		}
	default:
		return nil, invalidArgument("the body is compressed in a way that is not understood here: " + shortened(encoding))
	}
	list := []byte{'['}
	put := func(path string, content io.Reader) error {
		path, err := a.resolve(path, who)
		if err == nil {
			err = writeFile(path, content, who, metadata)
		}
		if err != nil {
			return err
		}
		if len(list) > 1 {
			list = append(list, ',')
		}
		list = appendJSON(append(list, `{"path":`...), path)
		list = appendJSON(append(list, `,"name":`...), filepath.Base(path))
		list = append(appendMetadata(append(list, `,"type":"file"`...), readMetadata(path)), '}')
		return nil
	}
	kind, parameters, _ := mime.ParseMediaType(r.Header.Get("content-type"))
	switch {
	case kind == "application/octet-stream":
		if query.Get("path") == "" {
			return nil, invalidArgument("path is missing")
		}
		return list, put(query.Get("path"), body)
	case strings.HasPrefix(kind, "multipart/") && parameters["boundary"] != "":
		err := eachFile(multipart.NewReader(body, parameters["boundary"]), query.Get("path"), put)
		return list, err
	}
	return nil, invalidArgument("the body must be application/octet-stream or multipart/form-data")
}

// eachFile goes through the parts of a form. Two files at one path are an error.
func eachFile(form *multipart.Reader, path string, put func(path string, content io.Reader) error) error {
	seen := map[string]bool{}
	for {
		part, err := form.NextRawPart()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return invalidArgument("the form broke off or is none")
		}
		if part.FormName() != "file" {
			continue
		}
		to := path
		if to == "" {
			// Part.FileName would leave out the directories.
			_, parameters, _ := mime.ParseMediaType(part.Header.Get("content-disposition"))
			to = parameters["filename"]
		}
		if to == "" || seen[to] {
			return invalidArgument("a path is missing or there twice in one upload: " + shortened(to))
		}
		seen[to] = true
		if err := put(to, part); err != nil {
			return err
		}
	}
}

// writeFile makes content the file at path, whole or not at all: a file beside it, then a rename. A symlink there is followed,
// a file there passes on its mode. Directories on the way are made and belong to the user too.
func writeFile(path string, content io.Reader, who account, metadata map[string]string) error {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	mode := os.FileMode(0o644)
	if info, err := os.Stat(path); err == nil {
		switch {
		case info.IsDir():
			return &os.PathError{Op: "write", Path: path, Err: syscall.EISDIR}
		case !info.Mode().IsRegular():
			return invalidArgument(shortened(path) + ": not a regular file")
		}
		mode = info.Mode() & (os.ModePerm | os.ModeSetuid | os.ModeSetgid)
	} else if !os.IsNotExist(err) { // a name that is too long, say: before anything was sent
		return err
	}
	dir := filepath.Dir(path)
	if err := makeDirs(dir, who); err != nil {
		return err
	}
	file, err := os.CreateTemp(dir, uploadPrefix+"*")
	if err != nil {
		return err
	}
	defer func() {
		file.Close()
		os.Remove(file.Name()) // gone already when the rename took place
	}()
	size, err := io.CopyBuffer(struct{ io.Writer }{file}, content, make([]byte, copySize))
	if err != nil {
		return brokenBody(err)
	}
	if err := file.Chown(int(who.uid), int(who.gid)); err != nil {
		return err
	}
	if err := file.Chmod(mode); err != nil {
		return err
	}
	if err := writeMetadata(file.Name(), metadata); err != nil {
		return err
	}
	if err := os.Rename(file.Name(), path); err != nil {
		return err
	}
	// Who watches the directory would see a file that is new and never written. The kernel tells of every truncation.
	return file.Truncate(size)
}

// brokenBody tells a body that is none, or breaks off, from what the file system says.
func brokenBody(err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return err
	}
	return invalidArgument("the body broke off: " + err.Error())
}
