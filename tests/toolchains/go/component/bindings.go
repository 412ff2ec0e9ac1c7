package main

// The functions of wasi:http and wasi:io that the handler uses, by their flat types (component-model CanonicalABI.md).

import "unsafe"

// What one call writes to: a result, an option or a variant, and what is in it. Byte 0 tells which case it is.
type place [4]uint32

func (p *place) is(number byte) bool { return byte(p[0]) == number }

func (p *place) bytes(at int) []byte {
	if p[at+1] == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(uintptr(p[at]))), p[at+1])
}

//go:wasmimport wasi:http/types@0.2.10 [method]incoming-request.method
func requestMethod(request uint32, to *place)

//go:wasmimport wasi:http/types@0.2.10 [method]incoming-request.path-with-query
func requestPath(request uint32, to *place)

//go:wasmimport wasi:http/types@0.2.10 [method]incoming-request.consume
func requestConsume(request uint32, to *place)

//go:wasmimport wasi:http/types@0.2.10 [method]incoming-body.stream
func incomingStream(body uint32, to *place)

//go:wasmimport wasi:io/streams@0.2.10 [method]input-stream.blocking-read
func streamRead(stream uint32, length uint64, to *place)

//go:wasmimport wasi:io/streams@0.2.10 [resource-drop]input-stream
func dropInput(stream uint32)

//go:wasmimport wasi:io/error@0.2.10 [resource-drop]error
func dropError(code uint32)

//go:wasmimport wasi:http/types@0.2.10 [resource-drop]incoming-body
func dropIncomingBody(body uint32)

//go:wasmimport wasi:http/types@0.2.10 [resource-drop]incoming-request
func dropRequest(request uint32)

//go:wasmimport wasi:http/types@0.2.10 [constructor]fields
func newFields() uint32

//go:wasmimport wasi:http/types@0.2.10 [method]fields.append
func appendField(fields uint32, name unsafe.Pointer, nameLength uint32, value unsafe.Pointer, valueLength uint32, to *place)

//go:wasmimport wasi:http/types@0.2.10 [constructor]outgoing-response
func newResponse(fields uint32) uint32

//go:wasmimport wasi:http/types@0.2.10 [method]outgoing-response.body
func responseBody(response uint32, to *place)

//go:wasmimport wasi:http/types@0.2.10 [static]response-outparam.set
func setAnswer(answer, isError, response, a uint32, b uint64, c, d, e, f uint32)

//go:wasmimport wasi:http/types@0.2.10 [method]outgoing-body.write
func outgoingStream(body uint32, to *place)

//go:wasmimport wasi:io/streams@0.2.10 [method]output-stream.blocking-write-and-flush
func streamWrite(stream uint32, bytes unsafe.Pointer, length uint32, to *place)

//go:wasmimport wasi:io/streams@0.2.10 [resource-drop]output-stream
func dropOutput(stream uint32)

//go:wasmimport wasi:http/types@0.2.10 [static]outgoing-body.finish
func finishBody(body, hasTrailers, trailers uint32, to *finished)

// A result whose error is a whole error-code.
type finished [10]uint32

// What the host allocated, for as long as this lives.
var allocated [][]uint64

//go:wasmexport cabi_realloc
func realloc(old unsafe.Pointer, oldSize, align, size uint32) unsafe.Pointer {
	if size == 0 {
		return unsafe.Pointer(uintptr(align))
	}
	new := make([]uint64, (size+7)/8)
	allocated = append(allocated, new)
	at := unsafe.Pointer(&new[0])
	copy(unsafe.Slice((*byte)(at), size), unsafe.Slice((*byte)(old), oldSize))
	return at
}

func must(ok bool, what string) {
	if !ok {
		panic(what)
	}
}

func method(request uint32) string {
	var to place
	requestMethod(request, &to)
	names := []string{"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"}
	if known := int(byte(to[0])); known < len(names) {
		return names[known]
	}
	return string(to.bytes(1))
}

func path(request uint32) string {
	var to place
	requestPath(request, &to)
	if to.is(0) {
		return "/"
	}
	return string(to.bytes(1))
}

func contents(request uint32) []byte {
	var to place
	requestConsume(request, &to)
	must(to.is(0), "consume")
	body := to[1]
	incomingStream(body, &to)
	must(to.is(0), "stream")
	stream := to[1]
	var all []byte
	for {
		streamRead(stream, 65536, &to)
		if !to.is(0) {
			break
		}
		all = append(all, to.bytes(1)...)
	}
	// Of its two cases only the first has an error to drop.
	if byte(to[1]) == 0 {
		dropError(to[2])
	}
	dropInput(stream)
	dropIncomingBody(body)
	dropRequest(request)
	return all
}

func respond(answer uint32, kind string, text []byte) {
	var to place
	fields, name := newFields(), "content-type"
	appendField(fields, unsafe.Pointer(unsafe.StringData(name)), uint32(len(name)),
		unsafe.Pointer(unsafe.StringData(kind)), uint32(len(kind)), &to)
	must(to.is(0), "append")
	response := newResponse(fields)
	responseBody(response, &to)
	must(to.is(0), "body")
	body := to[1]
	setAnswer(answer, 0, response, 0, 0, 0, 0, 0, 0)
	outgoingStream(body, &to)
	must(to.is(0), "write")
	stream := to[1]
	// So much at once, and no more, may be written and waited for.
	for len(text) > 0 {
		count := min(len(text), 4096)
		streamWrite(stream, unsafe.Pointer(&text[0]), uint32(count), &to)
		must(to.is(0), "blocking-write-and-flush")
		text = text[count:]
	}
	dropOutput(stream)
	var end finished
	finishBody(body, 0, 0, &end)
	must(byte(end[0]) == 0, "finish")
}
