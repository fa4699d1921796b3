package main

import (
	"archive/tar"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// inode names a file apart from its names.
type inode struct{ dev, ino uint64 }

// pack writes what is beneath root as a tar stream: directories, regular files, symlinks as they are, and a second name of
// a file as a hardlink. Sockets, pipes and devices are left out. Names are relative and sorted.
func pack(to io.Writer, root string) error {
	stream := tar.NewWriter(to)
	seen := map[inode]string{}
	root, err := filepath.EvalSymlinks(root) // Walk does not go into a root that is a symlink
	if err != nil {
		return err
	}
	err = filepath.Walk(root, func(path string, info os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil || name == "." {
			return err
		}
		return packEntry(stream, seen, path, name, info)
	})
	if err != nil {
		return err
	}
	return stream.Close()
}

func packEntry(stream *tar.Writer, seen map[inode]string, path, name string, info os.FileInfo) error {
	var target string
	switch {
	case info.Mode().IsRegular(), info.IsDir():
	case info.Mode()&os.ModeSymlink != 0:
		var err error
		if target, err = os.Readlink(path); err != nil {
			return err
		}
	default:
		return nil
	}
	header, err := tar.FileInfoHeader(info, target)
	if err != nil {
		return err
	}
	header.Name = name
	header.Uname, header.Gname = "", ""
	if info.IsDir() {
		header.Name += "/"
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && info.Mode().IsRegular() && stat.Nlink > 1 {
		id := inode{uint64(stat.Dev), stat.Ino}
		if first, again := seen[id]; again {
			header.Typeflag, header.Linkname, header.Size = tar.TypeLink, first, 0
			return stream.WriteHeader(header)
		}
		seen[id] = name
	}
	if !info.Mode().IsRegular() {
		return stream.WriteHeader(header)
	}
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := stream.WriteHeader(header); err != nil {
		return err
	}
	_, err = io.CopyN(stream, file, header.Size) // a file that shrank meanwhile breaks the stream, one that grew is cut
	return err
}
