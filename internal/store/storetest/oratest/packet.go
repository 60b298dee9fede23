package oratest

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"
)

// The types of packets of Oracle Net.
const (
	packetConnect = 1
	packetAccept  = 2
	packetData    = 6
	packetMarker  = 12
)

const headerLen = 8

type packet struct {
	typ  byte
	body []byte
}

// readPackets sends what comes from c until it ends, then closes packets. Lengths have
// two bytes until the handshake is over, and four from then on.
func readPackets(c net.Conn, packets chan<- packet, ended <-chan struct{}) {
	defer close(packets)
	in := bufio.NewReader(c)
	first, err := readPacket(in, false)
	if err != nil || first.typ != packetConnect || len(first.body) < 20 {
		return
	}
	length, offset := int(binary.BigEndian.Uint16(first.body[16:])), int(binary.BigEndian.Uint16(first.body[18:]))
	if length > 0 && len(first.body)+headerLen <= offset { // a long address follows in a packet of its own
		if _, err := readPacket(in, false); err != nil {
			return
		}
	}
	for p := first; err == nil; p, err = readPacket(in, true) {
		select {
		case packets <- p:
		case <-ended:
			return
		}
	}
}

func readPacket(in io.Reader, long bool) (packet, error) {
	var h [headerLen]byte
	if _, err := io.ReadFull(in, h[:]); err != nil {
		return packet{}, err
	}
	n := int(binary.BigEndian.Uint16(h[:]))
	if long {
		n = int(binary.BigEndian.Uint32(h[:]))
	}
	if n < headerLen || n > 1<<20 {
		return packet{}, io.ErrUnexpectedEOF
	}
	p := packet{typ: h[4], body: make([]byte, n-headerLen)}
	_, err := io.ReadFull(in, p.body)
	return p, err
}

// writePacket sends a packet. A client that has gone is noticed by reading.
func writePacket(c net.Conn, typ byte, body []byte) {
	h := make([]byte, headerLen, headerLen+len(body))
	if typ == packetAccept {
		binary.BigEndian.PutUint16(h, uint16(headerLen+len(body)))
	} else {
		binary.BigEndian.PutUint32(h, uint32(headerLen+len(body)))
	}
	h[4] = typ
	_, _ = c.Write(append(h, body...))
}

// sessionUnit is the size of a packet that the server asks for.
const sessionUnit = 8192

// writeMessage sends a message in as many data packets as it needs.
func writeMessage(c net.Conn, message []byte) {
	const room = sessionUnit - headerLen - 2
	for len(message) > 0 {
		n := min(len(message), room)
		writePacket(c, packetData, append([]byte{0, 0}, message[:n]...))
		message = message[n:]
	}
}

// accept is the answer to a connect packet: version, sizes, and that neither
// encryption nor anything else optional is on offer.
func accept(connect []byte) []byte {
	a := make([]byte, 33)
	version := min(binary.BigEndian.Uint16(connect), 316)
	binary.BigEndian.PutUint16(a[0:], version)
	binary.BigEndian.PutUint16(a[4:], sessionUnit)
	binary.BigEndian.PutUint16(a[6:], 65535)
	binary.BigEndian.PutUint16(a[8:], 256) // byte order
	binary.BigEndian.PutUint16(a[12:], 41) // offset of data
	a[14], a[15] = 4, 4
	binary.BigEndian.PutUint32(a[24:], sessionUnit)
	binary.BigEndian.PutUint32(a[28:], 65535)
	return a
}
