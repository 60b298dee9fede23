package graph

import (
	"cmp"
	"slices"
	"unicode/utf8"
)

// Sizes of pictures, in pixels.
const (
	boxHeight  = 36
	boxGap     = 14
	bendHeight = 6  // room for an edge that passes a layer
	layerGap   = 56 // between layers, for the edges
	charWidth  = 7.4
	labelChars = 28 // characters of an id that a box shows
	maxBends   = 20_000
)

// cell is a place in a layer: a job, or where an edge passes between jobs.
type cell struct {
	node   int // index of the job, or -1
	layer  int
	y      float64 // of its middle
	in     []int   // cells of the layer before
	out    []int   // cells of the layer behind
	weight float64 // what it is sorted by
}

func (c *cell) height() float64 {
	if c.node < 0 {
		return bendHeight
	}
	return boxHeight
}

// drawing is a layered picture: layers from left to right, by longest path; within a
// layer, what has neighbours close by stands close by.
type drawing struct {
	*Graph
	cells  []cell
	layers [][]int // cells from top to bottom
	x      []float64
	width  []float64 // of the boxes of a layer
	routes [][]int   // by edge: its cells from left to right
	height float64
	right  float64
}

func draw(g *Graph) *drawing {
	d := &drawing{Graph: g}
	for i, layer := range g.Layers() {
		d.add(i, layer)
	}
	d.route()
	for pass := range 8 {
		d.sort(pass%2 == 0)
	}
	d.place()
	return d
}

// add makes a cell at the end of its layer.
func (d *drawing) add(node, layer int) int {
	for len(d.layers) <= layer {
		d.layers = append(d.layers, nil)
	}
	i := len(d.cells)
	d.cells = append(d.cells, cell{node: node, layer: layer})
	d.layers[layer] = append(d.layers[layer], i)
	return i
}

// route leads each edge through the layers between its ends. When there would be too
// many bends, edges go straight.
func (d *drawing) route() {
	bends := 0
	for _, e := range d.Edges {
		bends += max(0, d.cells[e.To].layer-d.cells[e.From].layer-1)
	}
	d.routes = make([][]int, len(d.Edges))
	for n, e := range d.Edges {
		path := []int{e.From}
		if bends <= maxBends {
			for layer := d.cells[e.From].layer + 1; layer < d.cells[e.To].layer; layer++ {
				path = append(path, d.add(-1, layer))
			}
		}
		path = append(path, e.To)
		d.routes[n] = path
		for i := 1; i < len(path); i++ {
			d.cells[path[i-1]].out = append(d.cells[path[i-1]].out, path[i])
			d.cells[path[i]].in = append(d.cells[path[i]].in, path[i-1])
		}
	}
}

// sort moves each cell to the middle of its neighbours on one side (barycenter).
func (d *drawing) sort(forward bool) {
	rank := make([]float64, len(d.cells))
	for _, layer := range d.layers {
		for n, c := range layer {
			rank[c] = float64(n)
		}
	}
	for n := range d.layers {
		layer := d.layers[n]
		if !forward {
			layer = d.layers[len(d.layers)-1-n]
		}
		for _, i := range layer {
			c := &d.cells[i]
			next := c.in
			if !forward {
				next = c.out
			}
			c.weight = mean(next, rank[i], func(other int) float64 { return rank[other] })
		}
		slices.SortStableFunc(layer, func(a, b int) int { return cmp.Compare(d.cells[a].weight, d.cells[b].weight) })
		for at, c := range layer {
			rank[c] = float64(at)
		}
	}
}

func mean(of []int, otherwise float64, value func(int) float64) float64 {
	if len(of) == 0 {
		return otherwise
	}
	sum := 0.0
	for _, i := range of {
		sum += value(i)
	}
	return sum / float64(len(of))
}

// place gives every cell its y and every layer its x.
func (d *drawing) place() {
	for _, layer := range d.layers {
		y := 0.0
		for _, i := range layer {
			c := &d.cells[i]
			c.y = y + c.height()/2
			y += c.height() + boxGap
		}
	}
	for pass := range 6 {
		for n := range d.layers {
			if pass%2 == 0 {
				d.pull(d.layers[n], func(c *cell) []int { return c.in })
			} else {
				d.pull(d.layers[len(d.layers)-1-n], func(c *cell) []int { return c.out })
			}
		}
	}
	d.measure()
}

// pull moves the cells of a layer towards their neighbours, without changing their order.
func (d *drawing) pull(layer []int, side func(*cell) []int) {
	shift := 0.0
	bottom := 0.0
	for n, i := range layer {
		c := &d.cells[i]
		want := mean(side(c), c.y, func(other int) float64 { return d.cells[other].y })
		c.y = want
		if n > 0 {
			c.y = max(want, bottom+boxGap+c.height()/2)
		}
		bottom = c.y + c.height()/2
		shift += want - c.y
	}
	shift /= float64(max(1, len(layer)))
	for _, i := range layer {
		d.cells[i].y += shift
	}
}

// measure moves all so that it begins at 0, and finds the size.
func (d *drawing) measure() {
	top := 0.0
	for i := range d.cells {
		top = min(top, d.cells[i].y-d.cells[i].height()/2)
	}
	d.x, d.width = make([]float64, len(d.layers)), make([]float64, len(d.layers))
	for n, layer := range d.layers {
		if n > 0 {
			d.x[n] = d.x[n-1] + d.width[n-1] + layerGap
		}
		for _, i := range layer {
			c := &d.cells[i]
			c.y -= top
			d.height = max(d.height, c.y+c.height()/2)
			if c.node >= 0 {
				d.width[n] = max(d.width[n], d.boxWidth(c.node))
			}
		}
		d.right = d.x[n] + d.width[n]
	}
}

func (d *drawing) boxWidth(node int) float64 {
	chars := utf8.RuneCountInString(cut(plain(string(d.Nodes[node].ID)), labelChars))
	if d.Run {
		chars = max(chars, len(d.Nodes[node].outcome())*10/12)
	}
	return float64(max(chars, 4))*charWidth + 24
}
