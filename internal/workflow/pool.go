package workflow

// pools reads the names of pools. In each the job takes one place, named once or twice.
func (d *decoder) pools(f field, into *[]string) {
	d.strings(f, into)
	d.each(f, stringNode, func(item field) {
		if d.text(item.value) == "" {
			d.wrong(item, "", "must name a pool")
		}
	})
}

// HasPools reports whether a job takes a place in a pool.
func (w *Workflow) HasPools() bool {
	for i := range w.Jobs {
		if len(w.Jobs[i].Pools) > 0 {
			return true
		}
	}
	return false
}
