//go:build !mutant_ack_early

package sqlstore

// ackEarly is the fault "acknowledge before commit". The crash test builds it
// in to see that its checker finds what it would lose.
const ackEarly = false
