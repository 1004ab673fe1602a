package berth

// From the component's exports to the policy's function, and from the SDK to what Berth gives.
//
// The layout of what crosses is the component model's canonical ABI for wit/allocation.wit: every field behind the one
// before it, at a multiple of what it is aligned to; strings and lists as an address and a length; an option or a variant
// as a byte that tells the case, and room for the largest case behind it.

import "unsafe"

//go:wasmimport berth:allocation/log@1.0.0 write
func importLog(level uint32, message unsafe.Pointer, length uint32)

//go:wasmimport berth:allocation/settings@1.0.0 get
func importSettings(result unsafe.Pointer)

//go:wasmimport berth:allocation/tables@1.0.0 lookup
func importLookup(table unsafe.Pointer, tableLength uint32, key unsafe.Pointer, keyLength uint32, result unsafe.Pointer)

// importConsole lends what answers WASI, stubs.wat of `berth policy build`, memory for an unfinished line of each stream and its
// last words, and has it log the lines that have no end.
//
//go:wasmimport wasi_snapshot_preview1 berth_console
func importConsole(lines, exitText unsafe.Pointer, exitSize uint32, clockText unsafe.Pointer, clockSize uint32)

// importTrap ends the instance without a word, of which there have been enough.
//
//go:wasmimport wasi_snapshot_preview1 berth_trap
func importTrap()

const exited = "panicked: the policy called os.Exit, or Go gave it up: it ends by returning from its function"

var lines [2048]byte

// console makes what is printed part of the policy's log. The clock is no fault: Go looks at it for itself.
func console() {
	importConsole(unsafe.Pointer(&lines), unsafe.Pointer(unsafe.StringData(exited)), uint32(len(exited)), nil, 0)
}

// kept holds what the other side has an address of, so that the garbage collector leaves it alone. An instance lives for
// one decision, so it is never let go.
var kept []any

//go:wasmexport cabi_realloc
func reallocate(old unsafe.Pointer, oldSize, align, size uint32) unsafe.Pointer {
	if size == 0 {
		return unsafe.Pointer(uintptr(align))
	}
	// Words, so that any alignment of the contract is met.
	words := make([]uint64, (size+7)/8)
	kept = append(kept, words)
	block := unsafe.Pointer(&words[0])
	if oldSize > 0 {
		copy(unsafe.Slice((*byte)(block), size), unsafe.Slice((*byte)(old), min(oldSize, size)))
	}
	return block
}

type component struct{}

func init() {
	console()
	ExchangeHost(component{})
}

func (component) Write(level Level, message string) {
	importLog(uint32(level), unsafe.Pointer(unsafe.StringData(message)), uint32(len(message)))
}

func (component) Settings() string {
	var result [2]uint32
	importSettings(unsafe.Pointer(&result))
	return newCursor(unsafe.Pointer(&result)).text()
}

func (component) Lookup(table, key string) (string, bool, error) {
	// A case; in the first, behind it, an option of a string; in the other a case.
	var result [4]uint32
	importLookup(unsafe.Pointer(unsafe.StringData(table)), uint32(len(table)),
		unsafe.Pointer(unsafe.StringData(key)), uint32(len(key)), unsafe.Pointer(&result))
	failed := result[0]&0xff != 0
	if failed && result[1]&0xff == 0 {
		return "", false, ErrNoSuchTable
	}
	if failed {
		return "", false, ErrTooManyLookups
	}
	row := newCursor(unsafe.Pointer(&result[1])).option()
	if row == nil {
		return "", false, nil
	}
	return *row, true, nil
}

//go:wasmexport allocate
func exportAllocate(request unsafe.Pointer) unsafe.Pointer {
	decision, refusal, faulted := Decide(NewRequest(readRequest(newCursor(request))))
	console()
	if faulted {
		importTrap()
	}
	var answer writer
	if refusal != nil {
		answer.refusal(refusal)
	} else {
		answer.decision(decision)
	}
	return answer.done()
}

//go:wasmexport validate-settings
func exportValidateSettings(text unsafe.Pointer, length uint32) unsafe.Pointer {
	var answer writer
	settings := []byte(unsafe.String((*byte)(text), length))
	if validator == nil {
		answer.words = append(answer.words, 0, 0, 0)
		return answer.done()
	}
	faulted, err := validate(settings)
	console()
	if faulted {
		importTrap()
	}
	if err != nil {
		answer.words = append(answer.words, 1)
		answer.text(err.Error())
	} else {
		answer.words = append(answer.words, 0, 0, 0)
	}
	return answer.done()
}
