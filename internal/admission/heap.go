package admission

// heap is a binary heap of tasks, the first to start on top.
type heap []item

func (h *heap) push(x item) {
	s := append(*h, x)
	*h = s
	for at := len(s) - 1; at > 0; {
		parent := (at - 1) / 2
		if s[at].compare(s[parent]) >= 0 {
			return
		}
		s[at], s[parent] = s[parent], s[at]
		at = parent
	}
}

func (h *heap) pop() item {
	s := *h
	top, last := s[0], len(s)-1
	s[0] = s[last]
	s = s[:last]
	*h = s
	for at := 0; ; {
		child := 2*at + 1
		if child >= last {
			return top
		}
		if child+1 < last && s[child+1].compare(s[child]) < 0 {
			child++
		}
		if s[child].compare(s[at]) >= 0 {
			return top
		}
		s[at], s[child] = s[child], s[at]
		at = child
	}
}
