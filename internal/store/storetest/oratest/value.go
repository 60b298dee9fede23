package oratest

import (
	"encoding/binary"
	"fmt"
	"strings"
	"time"
)

// The types of values, by Oracle's numbers.
const (
	typeVarchar      = 1
	typeNumber       = 2
	typeLong         = 8
	typeDate         = 12
	typeRaw          = 23
	typeLongRaw      = 24
	typeLongVarchar  = 94
	typeLongVarRaw   = 95
	typeClob         = 112
	typeBlob         = 113
	typeTimestamp    = 180
	typeTimestampTZ  = 181
	typeTimestampOut = 187
	typeTimestampTZ2 = 188
)

// isLong reports whether a value of that type is sent after all others.
func isLong(typ byte) bool {
	return typ == typeLong || typ == typeLongRaw || typ == typeLongVarchar || typ == typeLongVarRaw
}

// typeOf returns Oracle's type for one of H2, and how many bytes a value has at most.
func typeOf(h2 string) (typ byte, size int) {
	for _, t := range []struct {
		prefix string
		typ    byte
		size   int
	}{
		{"CHARACTER LARGE", typeClob, 4000},
		{"BINARY LARGE", typeBlob, 4000},
		{"CHARACTER", typeVarchar, 4000},
		{"NULL", typeVarchar, 4000},
		{"BINARY", typeRaw, 2000},
		{"TIMESTAMP WITH", typeTimestampTZ, 13},
		{"TIMESTAMP", typeTimestamp, 11},
		{"DATE", typeDate, 7},
	} {
		if strings.HasPrefix(h2, t.prefix) {
			return t.typ, t.size
		}
	}
	return typeNumber, 22
}

// encode returns a value as Oracle sends it.
func encode(typ byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return nil
	case []byte:
		return v
	case time.Time:
		return encodeTime(typ, v)
	case string:
		if typ == typeNumber {
			return encodeNumber(v)
		}
		return []byte(v)
	}
	panic(fmt.Sprintf("a value of type %T", v))
}

func encodeTime(typ byte, t time.Time) []byte {
	t = t.UTC()
	b := []byte{
		byte(t.Year()/100 + 100), byte(t.Year()%100 + 100), byte(t.Month()), byte(t.Day()),
		byte(t.Hour() + 1), byte(t.Minute() + 1), byte(t.Second() + 1),
	}
	if typ == typeDate {
		return b
	}
	b = binary.BigEndian.AppendUint32(b, uint32(t.Nanosecond()))
	if typ == typeTimestampTZ {
		b = append(b, 20, 60) // offset 0
	}
	return b
}

// encodeNumber writes a number in plain decimal digits: an exponent to base 100, then
// digits to base 100; all are complemented for a negative number.
func encodeNumber(s string) []byte {
	s, negative := strings.CutPrefix(s, "-")
	whole, fraction, _ := strings.Cut(s, ".")
	whole, fraction = strings.TrimLeft(whole, "0"), strings.TrimRight(fraction, "0")
	if whole+fraction == "" {
		return []byte{0x80}
	}
	if len(whole)%2 == 1 {
		whole = "0" + whole
	}
	if len(fraction)%2 == 1 {
		fraction += "0"
	}
	exponent, digits := len(whole)/2, whole+fraction
	for strings.HasPrefix(digits, "00") {
		digits = digits[2:]
		exponent--
	}
	for strings.HasSuffix(digits, "00") {
		digits = digits[:len(digits)-2]
	}
	b := []byte{byte(0xc0 + exponent)}
	for i := 0; i < len(digits); i += 2 {
		b = append(b, (digits[i]-'0')*10+digits[i+1]-'0'+1)
	}
	if negative {
		b[0] = ^b[0]
		for i := range b[1:] {
			b[i+1] = 102 - b[i+1]
		}
		if len(b) < 21 {
			b = append(b, 102)
		}
	}
	return b
}

// decode reads a value as a client sends it.
func decode(typ byte, b []byte) any {
	if len(b) == 0 {
		return nil
	}
	switch typ {
	case typeNumber:
		return decodeNumber(b)
	case typeRaw, typeLongRaw, typeLongVarRaw:
		return b
	case typeDate, typeTimestamp, typeTimestampTZ, typeTimestampOut, typeTimestampTZ2:
		return decodeTime(b)
	}
	return string(b)
}

func decodeTime(b []byte) any {
	if len(b) < 7 {
		return nil
	}
	year := (int(b[0])-100)*100 + int(b[1]) - 100
	nanos := 0
	if len(b) >= 11 {
		nanos = int(binary.BigEndian.Uint32(b[7:]))
	}
	return time.Date(year, time.Month(b[2]), int(b[3]), int(b[4])-1, int(b[5])-1, int(b[6])-1, nanos, time.UTC)
}

func decodeNumber(b []byte) number {
	if len(b) == 1 && b[0] == 0x80 {
		return "0"
	}
	head, digits := b[0], b[1:]
	negative := head&0x80 == 0
	if negative {
		head = ^head
		if n := len(digits); n > 0 && digits[n-1] == 102 {
			digits = digits[:n-1]
		}
	}
	var all strings.Builder
	for _, d := range digits {
		if negative {
			d = 102 - d
		}
		fmt.Fprintf(&all, "%02d", d-1)
	}
	return point(all.String(), 2*(int(head&0x7f)-64), negative)
}

// point puts the decimal point after so many digits, which may be more than there are, or fewer than none.
func point(digits string, at int, negative bool) number {
	if at < 0 {
		digits, at = strings.Repeat("0", -at)+digits, 0
	}
	if missing := at - len(digits); missing > 0 {
		digits += strings.Repeat("0", missing)
	}
	s := strings.TrimLeft(digits[:at], "0")
	if s == "" {
		s = "0"
	}
	if fraction := strings.TrimRight(digits[at:], "0"); fraction != "" {
		s += "." + fraction
	}
	if negative {
		s = "-" + s
	}
	return number(s)
}
