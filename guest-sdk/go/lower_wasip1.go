package berth

// Writes what crosses to Berth: see component_wasip1.go for how it is laid out. Every field of it is words.

import "unsafe"

type writer struct{ words []uint32 }

func (w *writer) done() unsafe.Pointer {
	kept = append(kept, w.words)
	return unsafe.Pointer(&w.words[0])
}

func (w *writer) text(text string) {
	kept = append(kept, text)
	w.words = append(w.words, uint32(uintptr(unsafe.Pointer(unsafe.StringData(text)))), uint32(len(text)))
}

func (w *writer) option(text *string) {
	if text == nil {
		w.words = append(w.words, 0, 0, 0)
		return
	}
	w.words = append(w.words, 1)
	w.text(*text)
}

// decision writes the first case of the answer.
func (w *writer) decision(decision *Decision) {
	tags, desired, payload := decision.texts()
	w.words = append(w.words, 0)
	w.text(decision.Hub)
	if decision.InitialTwin == nil {
		w.words = append(w.words, 0)
	} else {
		w.words = append(w.words, 1)
	}
	w.option(tags)
	w.option(desired)
	w.option(payload)
	var reasons writer
	for _, reason := range decision.Reasons {
		reasons.text(reason)
	}
	if len(reasons.words) == 0 {
		w.words = append(w.words, 4, 0)
		return
	}
	w.words = append(w.words, uint32(uintptr(reasons.done())), uint32(len(decision.Reasons)))
}

// refusal writes the second case of the answer, which has room for the first.
func (w *writer) refusal(refusal *Refusal) {
	which := uint32(1)
	if refusal.IsReject {
		which = 0
	}
	w.words = append(w.words, 1, which)
	w.text(refusal.Message)
	if refusal.Wait != nil {
		w.words = append(w.words, 1, *refusal.Wait)
	}
	w.words = append(w.words, make([]uint32, 15)...)
}
