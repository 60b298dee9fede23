package plan

// heap is a binary heap of job indexes. less is a total order, so what comes out
// first never depends on what went in when.
type heap struct {
	items []int32
	less  func(a, b int32) bool
}

func (h *heap) len() int { return len(h.items) }

func (h *heap) top() int { return int(h.items[0]) }

func (h *heap) push(i int) {
	h.items = append(h.items, int32(i))
	at := len(h.items) - 1
	for at > 0 {
		parent := (at - 1) / 2
		if !h.less(h.items[at], h.items[parent]) {
			return
		}
		h.items[at], h.items[parent] = h.items[parent], h.items[at]
		at = parent
	}
}

func (h *heap) pop() int {
	top := h.items[0]
	last := len(h.items) - 1
	h.items[0] = h.items[last]
	h.items = h.items[:last]
	for at := 0; ; {
		child := 2*at + 1
		if child >= last {
			return int(top)
		}
		if child+1 < last && h.less(h.items[child+1], h.items[child]) {
			child++
		}
		if !h.less(h.items[child], h.items[at]) {
			return int(top)
		}
		h.items[at], h.items[child] = h.items[child], h.items[at]
		at = child
	}
}
