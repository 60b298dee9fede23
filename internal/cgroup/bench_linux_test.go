package cgroup

import "testing"

// BenchmarkTakeRelease is what a leaf from the pool costs beside the start in it, and
// what a new one does.
func BenchmarkTakeRelease(b *testing.B) {
	for name, pool := range map[string]int{"pooled": 0, "new": -1} {
		tree, support := Open(Config{Pool: pool})
		if tree == nil {
			b.Skip(support.NoLeaves)
		}
		b.Cleanup(tree.Close)
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				l, err := tree.Take()
				if err != nil {
					b.Fatal(err)
				}
				l.Release()
			}
		})
	}
}
