package plan

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestHeapIsSorted: whatever goes in, in whatever order and however mixed, the least
// comes out first.
func TestHeapIsSorted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := heap{less: func(a, b int32) bool { return a < b }}
		var model []int
		for _, i := range rapid.SliceOf(rapid.IntRange(-5, 100)).Draw(t, "pushes, and a pop for each negative") {
			if i >= 0 {
				h.push(i)
				model = append(model, i)
				slices.Sort(model)
			} else if len(model) > 0 {
				if top, got := h.top(), h.pop(); got != model[0] || top != got {
					t.Fatalf("top %d, pop %d, want %d", top, got, model[0])
				}
				model = model[1:]
			}
			if h.len() != len(model) {
				t.Fatalf("%d left, want %d", h.len(), len(model))
			}
		}
		for _, want := range model {
			if got := h.pop(); got != want {
				t.Fatalf("pop %d, want %d", got, want)
			}
		}
	})
}
