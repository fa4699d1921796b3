package main

const (
	// keptMost bounds what is kept of one process's output, in bytes.
	keptMost = 1 << 20
	// keptPieces bounds the number of its pieces: a program may write its two streams in turns, letter by letter.
	keptPieces = 1024
)

// keptOutput is the newest of what a process wrote, for those who come later. It is guarded by its session.
//
//	position 0                        size bytes are here            end
//	    |--------- dropped ---------|------------ kept -------------|
type keptOutput struct {
	most   int           // bytes; 0: nothing is kept
	pieces []outputPiece // the oldest first; never changed within their length, so that readers may hold them
	size   int           // bytes of all pieces
	end    uint64        // bytes that the process wrote so far
}

// add takes in a piece; what is too old then goes, piece by piece.
func (k *keptOutput) add(piece outputPiece) {
	k.end += uint64(len(piece.bytes))
	if k.most == 0 {
		return
	}
	// A program that writes letter by letter would make a piece of each.
	last := len(k.pieces) - 1
	if last >= 0 && k.pieces[last].stream == piece.stream && len(k.pieces[last].bytes)+len(piece.bytes) <= pumpSize {
		k.pieces[last].bytes = append(k.pieces[last].bytes, piece.bytes...)
	} else {
		k.pieces = append(k.pieces, outputPiece{piece.stream, append([]byte(nil), piece.bytes...)})
	}
	k.size += len(piece.bytes)
	for (k.size > k.most && len(k.pieces) > 1) || len(k.pieces) > keptPieces {
		k.size -= len(k.pieces[0].bytes)
		k.pieces = append([]outputPiece(nil), k.pieces[1:]...)
	}
}

// from returns what is kept of the output behind position after, and the position where that begins.
func (k *keptOutput) from(after uint64) (uint64, []outputPiece) {
	at := k.end - uint64(k.size)
	if after > k.end {
		after = k.end
	}
	if after < at {
		after = at
	}
	var pieces []outputPiece
	for _, piece := range k.pieces {
		behind := at + uint64(len(piece.bytes))
		if behind > after {
			bytes := piece.bytes
			if at < after {
				bytes = bytes[after-at:]
			}
			pieces = append(pieces, outputPiece{piece.stream, bytes})
		}
		at = behind
	}
	return after, pieces
}
