package main

import (
	"archive/tar"
	"errors"
	"io"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// treeLimits bounds an extraction; 0 means no bound.
type treeLimits struct {
	bytes int64 // of file contents together
	files int64 // entries of any kind
	// insideLinks also refuses symlinks that point out of the tree, which are only names otherwise:
	// nothing is ever written through one.
	insideLinks bool
}

// putTree answers PUT /tree?path=&user=&maxBytes=&maxFiles=&links=inside: the body is a tar stream.
// A refusal in the middle leaves what came before it; the caller throws the tree away.
func (a *agent) putTree(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	root, err := absolute(query.Get("path"))
	if err != nil {
		answerError(w, err)
		return
	}
	var limits treeLimits
	for name, to := range map[string]*int64{"maxBytes": &limits.bytes, "maxFiles": &limits.files} {
		if text := query.Get(name); text != "" {
			if *to, err = strconv.ParseInt(text, 10, 64); err != nil || *to < 0 {
				answerError(w, badRequest(name+" must be a number"))
				return
			}
		}
	}
	limits.insideLinks = query.Get("links") == "inside"
	who, err := a.lookup(query.Get("user"))
	if err == nil {
		err = makeDirs(root, who)
	}
	if err == nil {
		err = extract(r.Body, root, who, limits)
	}
	if err != nil {
		refuseBody(w, r, fileError(err))
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// extract unpacks a tar stream beneath root. Everything becomes the user's; set-id bits and the owners in the stream are ignored.
func extract(from io.Reader, root string, who account, limits treeLimits) error {
	into, err := openBeneath(root, who)
	if err != nil {
		return err
	}
	defer into.close()
	var files, bytes int64
	for stream := tar.NewReader(from); ; {
		entry, err := stream.Next()
		if err == io.EOF {
			_, err = io.Copy(io.Discard, from) // padding after the end mark
			return err
		}
		if err != nil {
			return brokenStream(err)
		}
		if entry.Typeflag == tar.TypeXGlobalHeader { // git archive names its commit in one
			continue
		}
		files++
		bytes += entry.Size
		if limits.files > 0 && files > limits.files {
			return tooLarge("more than " + strconv.FormatInt(limits.files, 10) + " files")
		}
		if limits.bytes > 0 && bytes > limits.bytes {
			return tooLarge("more than " + strconv.FormatInt(limits.bytes, 10) + " bytes")
		}
		if err := place(into, entry, stream, limits.insideLinks); err != nil {
			return brokenStream(err)
		}
	}
}

// brokenStream tells a stream that is none, or breaks off, from other errors.
func brokenStream(err error) error {
	if errors.Is(err, tar.ErrHeader) || errors.Is(err, io.ErrUnexpectedEOF) {
		return badRequest("not a whole tar stream: " + err.Error())
	}
	return err
}

// place makes one entry of the stream.
func place(into *beneath, entry *tar.Header, content io.Reader, insideLinks bool) error {
	name, err := entryName(entry.Name)
	if err != nil {
		return err
	}
	mode := uint32(entry.Mode) & 0o777
	switch entry.Typeflag {
	case tar.TypeDir:
		return into.directory(name, mode)
	case tar.TypeReg, tar.TypeRegA, tar.TypeCont, tar.TypeGNUSparse:
		return into.file(name, mode, entry.ModTime, content)
	case tar.TypeSymlink:
		if insideLinks && pointsOut(name, entry.Linkname) {
			return badRequest("symlink points out of the tree: " + entry.Name + " -> " + entry.Linkname)
		}
		return into.symlink(name, entry.Linkname)
	case tar.TypeLink:
		target, err := entryName(entry.Linkname)
		if err != nil {
			return err
		}
		return into.link(name, target)
	}
	return badRequest("neither file, directory nor link: " + entry.Name)
}

// entryName refuses names that are absolute or climb, and brings the rest to the form `a/b`; the root itself is `.`.
func entryName(name string) (string, error) {
	if name == "" || strings.HasPrefix(name, "/") || strings.IndexByte(name, 0) >= 0 {
		return "", badRequest("path is absolute or empty: " + strconv.Quote(name))
	}
	for _, part := range strings.Split(name, "/") {
		if part == ".." {
			return "", badRequest("path climbs out of the tree: " + strconv.Quote(name))
		}
	}
	return path.Clean(name), nil
}

// pointsOut looks at the words of a symlink alone: whether following them from where it stands would leave the tree.
func pointsOut(name, target string) bool {
	if strings.HasPrefix(target, "/") {
		return true
	}
	end := path.Join(path.Dir(name), target)
	return end == ".." || strings.HasPrefix(end, "../")
}

// getTree answers GET /tree?path= with a tar stream of what is beneath path.
func (a *agent) getTree(w http.ResponseWriter, r *http.Request) {
	root, err := absolute(r.URL.Query().Get("path"))
	if err != nil {
		answerError(w, err)
		return
	}
	info, err := os.Stat(root)
	if err == nil && !info.IsDir() {
		err = badRequest(root + " is no directory")
	}
	if err != nil {
		answerError(w, fileError(err))
		return
	}
	w.Header().Set("content-type", "application/x-tar")
	if err := pack(w, root); err != nil {
		panic(http.ErrAbortHandler) // the status has left already: only a broken stream tells the caller
	}
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
