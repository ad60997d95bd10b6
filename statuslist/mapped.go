package statuslist

// Mapped is a file in memory: mapped where the system can, read where it
// cannot. The bytes are there for as long as the value is reachable.
type Mapped struct {
	bytes []byte
}

// Bytes are the file's. They are not to be written.
func (m *Mapped) Bytes() []byte { return m.bytes }
