package statuslist

// Blank makes the next Publish look from outside as if a card had changed,
// whether one did or not: a sealed list may go out at a steady beat, and
// nobody who counts its versions learns when something happened.
func (p *Publisher) Blank() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.blank = true
}

// Blanks are states no card is in, of a class and stop days nobody sets.
const (
	blankState = 255
	blankClass = Classes - 1
	blankFrom  = Forever - 1<<24
)

// stir gives the state that no card is in another meaning, which changes the
// array's digest and nothing else.
func (p *Publisher) stir() {
	t := p.list.states()
	was := t.status[blankState]
	if t.used[blankState] && !was.blank() {
		return // more states are alive than a list has to spare
	}
	next := Status{Class: blankClass, StopUntil: max(was.StopUntil, blankFrom) + 1}
	if !next.blank() {
		next.StopUntil = blankFrom
	}
	t.used[blankState], t.status[blankState] = true, next
	p.list.setTable(t)
}

func (s Status) blank() bool {
	return s.Class == blankClass && s.StopUntil >= blankFrom && s.StopUntil != Forever
}

// settable makes of a status one that a card can have.
func (s Status) settable() Status {
	s.Class %= Classes
	if s.StopUntil = max(s.StopUntil, 0); s.StopUntil >= blankFrom {
		s.StopUntil = Forever
	}
	return s
}
